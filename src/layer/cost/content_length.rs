//! By the length of the request.

use http::header::CONTENT_LENGTH;

use super::{Estimate, told};
use crate::layer::{RequestHead, settle::single_amount};

/// See [`content_length`].
#[derive(Clone, Copy, Debug)]
#[must_use = "it does nothing until a policy has it"]
pub struct ContentLength {
    per_token: u64,
}

/// The bytes of the request's body, as its `content-length` says: a token each, unless
/// [`per_token`](ContentLength::per_token) says otherwise. Chunked requests have none, and cost
/// what is fixed.
pub fn content_length() -> ContentLength {
    ContentLength { per_token: 1 }
}

impl ContentLength {
    /// One token for so many bytes, rounded up; 0 counts as 1.
    pub fn per_token(self, bytes: u64) -> Self {
        Self { per_token: bytes.max(1) }
    }
}

impl Estimate for ContentLength {
    fn estimate(&self, head: &RequestHead<'_>) -> Option<u64> {
        let length = told(CONTENT_LENGTH.as_str(), single_amount(head.headers, &CONTENT_LENGTH))?;
        Some(length.div_ceil(self.per_token))
    }
}
