//! Writes structured fields (RFC 9651).

use http::HeaderValue;
use smallvec::SmallVec;

use super::PARENT;
use crate::model::{Limit, Owner, Resource};

/// The largest integer that a structured field can hold.
const MOST: i64 = 999_999_999_999_999;

/// Writes strings and integers into one buffer, which is inline up to 128 bytes, because every
/// response has such fields. The names of limits and quota units need no escapes.
#[derive(Default)]
pub(crate) struct Writer(SmallVec<[u8; 128]>);

impl Writer {
    /// Begins a member of a list.
    pub(super) fn member(&mut self) {
        if !self.0.is_empty() {
            self.0.extend_from_slice(b", ");
        }
    }

    /// Begins a member of a list with a limit's name.
    pub(crate) fn limit(&mut self, owner: Owner, resource: Option<&Resource>, limit: &Limit) {
        self.member();
        self.0.push(b'"');
        if owner == Owner::Parent {
            self.0.extend_from_slice(PARENT.as_bytes());
        }
        if let Some(resource) = resource {
            self.0.extend_from_slice(resource.as_str().as_bytes());
            self.0.push(b'.');
        }
        self.0.extend_from_slice(limit.name().as_str().as_bytes());
        self.0.push(b'"');
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        self.0.extend_from_slice(text);
    }

    /// Writes an integer, clamped to the range from 0 to [`MOST`].
    pub(super) fn number(&mut self, number: i64) {
        let mut digits = [0; DIGITS];
        let start = number_before(number, &mut digits, DIGITS);
        self.0.extend_from_slice(&digits[start..]);
    }

    pub(crate) fn parameter(&mut self, key: &[u8], number: i64) {
        self.text(key);
        self.number(number);
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn finish(self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.0).ok()
    }
}

/// The most digits that a number has.
pub(super) const DIGITS: usize = 15;

/// Writes an integer, clamped to the range from 0 to [`MOST`], so that it ends before `end`.
/// Returns the index at which it begins. There must be room for [`DIGITS`].
#[inline]
pub(super) fn number_before(number: i64, text: &mut [u8], end: usize) -> usize {
    let mut rest = number.clamp(0, MOST).unsigned_abs();
    let mut start = end;
    while start > 0 {
        start -= 1;
        if let Some(digit) = text.get_mut(start) {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        }
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    start
}

/// Returns an integer, clamped to the range from 0 to [`MOST`].
pub(super) fn number(number: i64) -> HeaderValue {
    HeaderValue::from(number.clamp(0, MOST))
}

/// Returns the capacity of a limit, which is never more than a field can hold.
pub(super) fn capacity(limit: &Limit) -> i64 {
    i64::try_from(limit.capacity()).unwrap_or(MOST)
}
