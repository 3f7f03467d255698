//! A resolution that is known, or that somebody looks up.

use std::sync::{Arc, LazyLock};

use tokio::sync::watch;

use super::resolution::Resolution;
use crate::error::Unavailable;

/// A resolution, or the promise of one.
#[derive(Debug)]
pub(crate) enum Resolving {
    Known(Arc<Resolution>),
    Soon(Promise),
}

pub(crate) type Promise = watch::Receiver<Promised>;

/// The promised value; `None` until it is known.
pub(crate) type Promised = Option<Result<Arc<Resolution>, Unavailable>>;

impl Resolving {
    /// Waits for the resolution.
    pub(crate) async fn found(self) -> Result<Arc<Resolution>, Unavailable> {
        let mut promise = match self {
            Self::Known(resolution) => return Ok(resolution),
            Self::Soon(promise) => promise,
        };
        let kept = promise
            .wait_for(Option::is_some)
            .await
            .map_err(|_| Unavailable::RuntimeGone)?;
        kept.clone().unwrap_or(Err(Unavailable::Internal(
            "a look-up ended without a result",
        )))
    }
}

/// A resolution without limits and without a parent.
pub(crate) static NOTHING: Resolution = Resolution::nothing();

/// Returns the same resolution, shared.
pub(crate) fn nothing() -> Resolving {
    static SHARED: LazyLock<Arc<Resolution>> = LazyLock::new(|| Arc::new(Resolution::nothing()));
    Resolving::Known(SHARED.clone())
}
