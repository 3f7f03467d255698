//! Listings that are fetched page by page.

use super::runtime::Runtime;
use crate::{error::Error, limiter};

/// The blocking form of [`Listing`](limiter::Listing): an iterator.
#[derive(Debug)]
#[must_use = "a listing fetches nothing until rows are taken"]
pub struct Listing<T> {
    inner: Option<limiter::Listing<T>>,
    runtime: Runtime,
}

impl<T: Send + 'static> Listing<T> {
    pub(super) fn new(inner: limiter::Listing<T>, runtime: &Runtime) -> Self {
        Self { inner: Some(inner), runtime: runtime.clone() }
    }

    /// See [`Listing::all`](limiter::Listing::all).
    ///
    /// # Errors
    /// Those of that method.
    pub fn all(self) -> Result<Vec<T>, Error> {
        self.collect()
    }
}

impl<T: Send + 'static> Iterator for Listing<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut inner = self.inner.take()?;
        let next = self.runtime.wait(async move {
            let row = inner.next().await;
            (inner, row)
        });
        match next {
            Ok((inner, row)) => {
                self.inner = row.is_some().then_some(inner);
                row
            }
            Err(error) => Some(Err(error.into())),
        }
    }
}
