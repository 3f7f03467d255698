//! Both fields of a policy that has one limit. The part that is the same in every response is
//! written once.

use http::{HeaderMap, HeaderValue};

use super::{RATE_LIMIT_POLICY, append::append};
use crate::{
    layer::headers::writer::{DIGITS, Writer, number_before},
    limiter::LeftOfOne,
    model::{Limit, LimitName, Owner},
};

const TIME: &[u8] = b";t=";

/// The most bytes of a limit's name, with the characters around it.
const NAME: usize = LimitName::MAX_LENGTH + 6;

/// Both fields of a policy that has one limit, which most policies have.
#[derive(Clone, Debug)]
pub(crate) struct OneLimitFields {
    policy: HeaderValue,
    /// The beginning of `RateLimit`: the limit's name, up to the number of tokens that are left.
    name: Box<[u8]>,
}

impl OneLimitFields {
    pub(super) fn new(limit: &Limit, policy: HeaderValue) -> Self {
        let mut name = Writer::default();
        name.limit(Owner::Entity, None, limit);
        name.text(b";r=");
        let name = name.as_bytes().into();
        Self { policy, name }
    }

    /// Appends both fields. The result is the same as that of
    /// [`ListFields::report`](super::ListFields::report).
    pub(crate) fn report(&self, headers: &mut HeaderMap, left: LeftOfOne) {
        let Some(value) = self.value(left) else {
            return;
        };
        headers.append(RATE_LIMIT_POLICY, self.policy.clone());
        append(headers, value);
    }

    /// Returns the value of `RateLimit`. It is written from its end, so that it needs no buffer
    /// that can grow.
    fn value(&self, left: LeftOfOne) -> Option<HeaderValue> {
        let mut text = [0; NAME + DIGITS + TIME.len() + DIGITS];
        // Rounded up.
        let seconds = left.full_after / 1000 + i64::from(left.full_after % 1000 > 0);
        let end = number_before(seconds, &mut text, NAME + DIGITS + TIME.len() + DIGITS);
        let start = end.checked_sub(TIME.len())?;
        text.get_mut(start..end)?.copy_from_slice(TIME);
        let end = number_before(left.tokens, &mut text, start);
        let start = end.checked_sub(self.name.len())?;
        text.get_mut(start..end)?.copy_from_slice(&self.name);
        HeaderValue::from_bytes(text.get(start..)?).ok()
    }
}
