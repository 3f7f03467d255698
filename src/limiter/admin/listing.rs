//! Listings: rows that are fetched page by page.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;

use crate::{
    error::{Error, Invalid, Unavailable},
    store::{Cursor, NamespaceStore, Page, Records, Store, StoreError, StoreFuture},
};

/// A stream of rows that are fetched page by page as they are taken. One round trip per page.
///
/// After an error, the stream continues with the page that failed.
///
/// ```
/// use tollgate::{RateLimiter, EntityId, model::Entity};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let limiter = RateLimiter::memory();
/// let parent = EntityId::new("project-1")?;
/// limiter.entities().create(Entity::new(EntityId::new("key-1")?).with_parent(parent.clone())).await?;
///
/// let mut children = limiter.entities().children(&parent);
/// while let Some(child) = children.next().await {
///     println!("{}", child?.id);
/// }
/// # Ok::<(), tollgate::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a listing fetches nothing until rows are taken"]
pub struct Listing<T> {
    store: Arc<dyn Store>,
    /// The error for a store without such rows. `None` after the error is returned.
    missing: Option<Invalid>,
    fetch: Fetch<T>,
    rows: VecDeque<T>,
    from: From,
    page: Option<PageFuture<T>>,
}

/// Fetches the page that begins at the cursor.
type Fetch<T> = Arc<
    dyn for<'a> Fn(&'a dyn Store, Option<&'a Cursor>) -> StoreFuture<'a, Page<T>> + Send + Sync,
>;

type PageFuture<T> = Pin<Box<dyn Future<Output = Result<Page<T>, StoreError>> + Send>>;

/// The position at which the listing continues.
#[derive(Clone, Debug)]
enum From {
    Start,
    Cursor(Cursor),
    Over,
}

impl<T> fmt::Debug for Listing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("from", &self.from)
            .field("fetched", &self.rows.len())
            .finish_non_exhaustive()
    }
}

// No field of the listing must stay at its address.
impl<T> Unpin for Listing<T> {}

impl<T: Send + 'static> Listing<T> {
    /// Creates a listing of a store's records.
    pub(crate) fn of_records<F>(store: Arc<dyn Store>, fetch: F) -> Self
    where
        F: for<'a> Fn(&'a dyn Records, Option<&'a Cursor>) -> StoreFuture<'a, Page<T>>
            + Send
            + Sync
            + 'static,
    {
        let missing = store.records().is_none().then_some(Invalid::NoRecords);
        Self::new(store, missing, move |store, from| match store.records() {
            Some(records) => fetch(records, from),
            None => Box::pin(std::future::ready(Ok(Page::new(Vec::new(), None)))),
        })
    }

    /// Creates a listing of a store's namespaces.
    pub(crate) fn of_namespaces<F>(store: Arc<dyn Store>, fetch: F) -> Self
    where
        F: for<'a> Fn(&'a dyn NamespaceStore, Option<&'a Cursor>) -> StoreFuture<'a, Page<T>>
            + Send
            + Sync
            + 'static,
    {
        let missing = store
            .namespaces()
            .is_none()
            .then_some(Invalid::NoNamespaces);
        Self::new(store, missing, move |store, from| {
            match store.namespaces() {
                Some(namespaces) => fetch(namespaces, from),
                None => Box::pin(std::future::ready(Ok(Page::new(Vec::new(), None)))),
            }
        })
    }

    fn new<F>(store: Arc<dyn Store>, missing: Option<Invalid>, fetch: F) -> Self
    where
        F: for<'a> Fn(&'a dyn Store, Option<&'a Cursor>) -> StoreFuture<'a, Page<T>>
            + Send
            + Sync
            + 'static,
    {
        Self {
            store,
            missing,
            fetch: Arc::new(fetch),
            rows: VecDeque::new(),
            from: From::Start,
            page: None,
        }
    }

    /// Returns the next row; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Returns all rows. Use it for short listings only.
    ///
    /// # Errors
    /// The first error; the rows before it are dropped.
    pub async fn all(mut self) -> Result<Vec<T>, Error> {
        let mut rows = Vec::new();
        while let Some(row) = self.next().await {
            rows.push(row?);
        }
        Ok(rows)
    }

    fn start_page(&self) -> PageFuture<T> {
        let (store, fetch) = (self.store.clone(), self.fetch.clone());
        let from = match &self.from {
            From::Cursor(cursor) => Some(cursor.clone()),
            From::Start | From::Over => None,
        };
        Box::pin(async move { fetch(&*store, from.as_ref()).await })
    }
}

impl<T: Send + 'static> Stream for Listing<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(row) = self.rows.pop_front() {
                return Poll::Ready(Some(Ok(row)));
            }
            if matches!(self.from, From::Over) {
                return Poll::Ready(None);
            }
            if let Some(missing) = self.missing.take() {
                self.from = From::Over;
                return Poll::Ready(Some(Err(missing.into())));
            }
            let mut page = match self.page.take() {
                Some(page) => page,
                None => self.start_page(),
            };
            let Poll::Ready(result) = page.as_mut().poll(context) else {
                self.page = Some(page);
                return Poll::Pending;
            };
            match result {
                Ok(page) => {
                    self.rows = page.rows.into();
                    self.from = page.next.map_or(From::Over, From::Cursor);
                }
                Err(error) => return Poll::Ready(Some(Err(Unavailable::Store(error).into()))),
            }
        }
    }
}
