//! Cost estimates from the length of the request.

use http::header::CONTENT_LENGTH;

use super::{Estimate, amount_or_warn};
use crate::layer::{RequestHead, terms::single_amount};

/// The estimate that [`content_length`] returns.
#[derive(Clone, Copy, Debug)]
#[must_use = "it does nothing until a policy has it"]
pub struct ContentLength {
    per_token: u64,
}

/// Estimates one token for each byte of the request's body, by its `content-length`.
/// [`per_token`](ContentLength::per_token) changes the number of bytes for a token. A chunked
/// request has no `content-length`, and gets no estimate.
pub fn content_length() -> ContentLength {
    ContentLength { per_token: 1 }
}

impl ContentLength {
    /// Sets the number of bytes for one token. The estimate is rounded up. 0 counts as 1.
    pub fn per_token(self, bytes: u64) -> Self {
        Self {
            per_token: bytes.max(1),
        }
    }
}

impl Estimate for ContentLength {
    fn estimate(&self, head: &RequestHead<'_>) -> Option<u64> {
        let length = amount_or_warn(
            CONTENT_LENGTH.as_str(),
            single_amount(head.headers, &CONTENT_LENGTH),
        )?;
        Some(length.div_ceil(self.per_token))
    }
}
