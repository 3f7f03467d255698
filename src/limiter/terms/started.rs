//! The result of something that was started: known now, or later.

use std::future::Future;

/// The result of something that was started: either the result itself, or a value that gives the
/// result later.
#[derive(Debug)]
pub(crate) enum Started<T, L> {
    Now(T),
    Later(L),
}

impl<T, L> Started<T, L> {
    /// Replaces a result that is known now.
    #[inline]
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Started<U, L> {
        match self {
            Self::Now(result) => Started::Now(change(result)),
            Self::Later(later) => Started::Later(later),
        }
    }

    /// Replaces the value that gives the result later.
    #[inline]
    pub(crate) fn map_later<M>(self, change: impl FnOnce(L) -> M) -> Started<T, M> {
        match self {
            Self::Now(result) => Started::Now(result),
            Self::Later(later) => Started::Later(change(later)),
        }
    }
}

impl<L: Future> Started<L::Output, L> {
    /// Waits for the result.
    pub(crate) async fn result(self) -> L::Output {
        match self {
            Self::Now(result) => result,
            Self::Later(later) => later.await,
        }
    }
}
