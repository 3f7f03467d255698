//! Both fields of a policy that has one limit: what every response says of it is written once.

use http::{HeaderMap, HeaderValue};

use super::{RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::{
    layer::headers::writer::Writer,
    model::{Level, Limit, MILLI, Owner, Parameters, Rate, whole_tokens},
};

#[derive(Clone, Debug)]
pub(in crate::layer) struct AloneFields {
    policy: HeaderValue,
    /// The limit's name as `RateLimit` has it, up to the number of tokens that are left.
    name: Box<[u8]>,
    rate: Rate,
}

impl AloneFields {
    pub(super) fn new(limit: &Limit, policy: HeaderValue) -> Self {
        let mut name = Writer::default();
        name.limit(Owner::Entity, limit);
        name.text(b";r=");
        Self { policy, name: name.as_bytes().into(), rate: Parameters::from(limit).whole() }
    }

    /// Appends both fields: `left` millitokens are left. The same as
    /// [`ListFields::report`](super::ListFields::report) appends.
    pub(in crate::layer) fn report(&self, headers: &mut HeaderMap, left: i64) {
        let mut writer = Writer::default();
        writer.text(&self.name);
        writer.number(whole_tokens(left));
        writer.parameter(b";t=", self.seconds_to_full(left));
        let Some(left) = writer.finish() else { return };
        headers.append(RATE_LIMIT_POLICY, self.policy.clone());
        headers.append(RATE_LIMIT, left);
    }

    fn seconds_to_full(&self, left: i64) -> i64 {
        let level = Level { tokens: left, remainder: 0 };
        let millis = self.rate.wait(level, self.rate.capacity()).unwrap_or(0);
        // Rounded up.
        millis / MILLI + i64::from(millis % MILLI > 0)
    }
}
