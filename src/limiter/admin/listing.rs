//! Listings: rows that are fetched page by page.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_core::Stream;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    error::{Error, Invalid, Unavailable},
    model::{BucketKey, BucketState, NamespaceId},
    store::{
        Cursor, NamespaceStore, Page, Records, Store, StoreError, StoreErrorKind, StoreFuture,
    },
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
    /// The names of the listing and of its rows, for cursors.
    identity: Option<Identity<T>>,
    position: Position,
}

/// The names of a listing and of its rows.
struct Identity<T> {
    listing: String,
    row: fn(&T) -> String,
}

/// The position of a listing after the rows that were taken.
#[derive(Clone, Debug, Default)]
struct Position {
    /// The cursor of the page that the fetched rows belong to. `None` for the first page.
    page: Option<Cursor>,
    /// The fingerprint of the last row of the page that was taken.
    taken: Option<String>,
    /// `true` until the row `taken` is found again in a listing that was resumed.
    seeking: bool,
    /// `true` until a listing that was resumed has fetched a page.
    resumed: bool,
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
            identity: None,
            position: Position::default(),
        }
    }

    /// Names the listing and its rows, so that it has cursors.
    pub(crate) fn identified(mut self, listing: &[String], row: fn(&T) -> String) -> Self {
        let place = self.store.location().map(|location| location.namespace_id);
        let words = place.as_slice().iter().map(NamespaceId::as_str);
        let words: Vec<_> = words.chain(listing.iter().map(String::as_str)).collect();
        self.identity = Some(Identity {
            listing: fingerprint(&words),
            row,
        });
        self
    }

    /// Returns the position after the rows that were taken, as a text that is safe in URLs. `None`
    /// after the last row. Resume the listing with [`start_at`](Self::start_at), also in another
    /// process. The text is not secret, and it is not signed.
    ///
    /// ```
    /// use tollgate::{RateLimiter, EntityId, model::Entity};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # let limiter = RateLimiter::memory();
    /// let parent = EntityId::new("project-1")?;
    /// for id in ["key-1", "key-2", "key-3"] {
    ///     let child = Entity::new(EntityId::new(id)?).with_parent(parent.clone());
    ///     limiter.entities().create(child).await?;
    /// }
    /// let mut children = limiter.entities().children(&parent);
    /// children.next().await;
    /// let cursor = children.cursor().expect("there are more");
    ///
    /// let rest = limiter.entities().children(&parent).start_at(&cursor)?.all().await?;
    /// assert_eq!(rest[0].id.as_str(), "key-2");
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cursor(&self) -> Option<String> {
        let identity = self.identity.as_ref()?;
        let position = match &self.from {
            From::Cursor(_) | From::Over if !self.rows.is_empty() => self.position.clone(),
            _ if self.position.seeking => self.position.clone(),
            From::Start => Position::default(),
            From::Cursor(next) => Position {
                page: Some(next.clone()),
                ..Position::default()
            },
            From::Over => return None,
        };
        Some(cursor_text(&CursorText {
            listing: identity.listing.clone(),
            page: position.page.map(|page| page.as_str().to_owned()),
            after: position.taken,
        }))
    }

    /// Continues at the position of a [`cursor`](Self::cursor) of the same listing. Rows that were
    /// added behind the position since then are listed, rows that were deleted are not. If the last
    /// row that was taken is gone, rows of its page may come twice; none is left out.
    ///
    /// # Errors
    /// [`Invalid::Cursor`] if the text is not the cursor of this listing: a listing of the same
    /// kind, with the same arguments, in the same namespace. If only the store notices that, the
    /// first row is this error.
    ///
    /// # Cost
    /// No round trip. The listing then fetches the page of the position again.
    pub fn start_at(mut self, cursor: &str) -> Result<Self, Invalid> {
        let text = read_cursor(cursor).ok_or(Invalid::Cursor)?;
        let known = self.identity.as_ref().map(|identity| &identity.listing);
        if known != Some(&text.listing) {
            return Err(Invalid::Cursor);
        }
        let page = text.page.map(Cursor::new);
        self.from = page.clone().map_or(From::Start, From::Cursor);
        self.rows.clear();
        self.page = None;
        self.position = Position {
            page,
            seeking: text.after.is_some(),
            taken: text.after,
            resumed: true,
        };
        Ok(self)
    }

    /// Takes the next row of the page.
    fn take(&mut self) -> Option<T> {
        let row = self.rows.pop_front()?;
        if let Some(identity) = &self.identity {
            self.position.taken = Some(fingerprint(&[&(identity.row)(&row)]));
        }
        Some(row)
    }

    /// Takes in a page that was fetched.
    fn fetched(&mut self, page: Page<T>) {
        let start =
            match std::mem::replace(&mut self.from, page.next.map_or(From::Over, From::Cursor)) {
                From::Cursor(cursor) => Some(cursor),
                From::Start | From::Over => None,
            };
        self.rows = page.rows.into();
        self.position.resumed = false;
        let Some(identity) = self.identity.as_ref().filter(|_| self.position.seeking) else {
            self.position = Position {
                page: start,
                ..Position::default()
            };
            return;
        };
        let is_last =
            |row: &T| self.position.taken.as_deref() == Some(&fingerprint(&[&(identity.row)(row)]));
        match self.rows.iter().position(is_last) {
            Some(last) => {
                self.rows.drain(..=last);
                self.position.page = start;
                self.position.seeking = false;
            }
            None => {
                self.rows.clear();
                if matches!(self.from, From::Over) {
                    // The row is gone: list its page again rather than leave rows out.
                    let page = self.position.page.take();
                    self.from = page.map_or(From::Start, From::Cursor);
                    self.position = Position::default();
                }
            }
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
            if let Some(row) = self.take() {
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
                Ok(page) => self.fetched(page),
                Err(error) if self.position.resumed && is_refused(&error) => {
                    self.from = From::Over;
                    self.position = Position::default();
                    return Poll::Ready(Some(Err(Invalid::Cursor.into())));
                }
                Err(error) => return Poll::Ready(Some(Err(Unavailable::Store(error).into()))),
            }
        }
    }
}

/// The contents of a cursor's text.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CursorText {
    /// The fingerprint of the listing.
    #[serde(rename = "l")]
    listing: String,
    /// The store's cursor of the page; `None` for the first page.
    #[serde(rename = "p")]
    page: Option<String>,
    /// The fingerprint of the last row of the page that was taken.
    #[serde(rename = "a")]
    after: Option<String>,
}

fn cursor_text(cursor: &CursorText) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor).unwrap_or_default())
}

fn read_cursor(text: &str) -> Option<CursorText> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// Returns a short text that stands for these words.
fn fingerprint(words: &[&str]) -> String {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word.len().to_be_bytes());
        hash.update(word);
    }
    URL_SAFE_NO_PAD.encode(&hash.finalize()[..9])
}

/// Returns `true` if the store says that a cursor is not of this listing.
fn is_refused(error: &StoreError) -> bool {
    error.kind() == StoreErrorKind::Rejected && error.missing_permission().is_none()
}

/// Returns the name of a row of a listing of buckets.
pub(crate) fn bucket_row((key, _): &(BucketKey, BucketState)) -> String {
    format!("{}\0{}\0{}", key.entity, key.resource, key.shard)
}
