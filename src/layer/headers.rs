//! `RateLimit` and `RateLimit-Policy`: draft-ietf-httpapi-ratelimit-headers-10.
//!
//! Per limit: `q` is the capacity, `w` the seconds in which it refills, `r` what is left (never
//! below 0), `t` the seconds until the bucket is full again. All are structured fields, whose
//! integers have at most 15 digits.

use std::{borrow::Cow, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

use crate::model::{Limit, LimitStatus, Limits, Owner};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The most that a structured field's integer holds.
const MOST: i64 = 999_999_999_999_999;

/// Which limits a granted response reports in `RateLimit` and `RateLimit-Policy`. Denials report
/// all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportLimits {
    /// None.
    Off,
    /// The one that has the smallest part of its capacity left.
    Nearest,
    /// All of them.
    #[default]
    All,
}

/// The `RateLimit-Policy` field of a policy's own limits: made once.
#[derive(Clone, Debug)]
pub(super) struct PolicyField(Option<(Limits, HeaderValue)>);

impl PolicyField {
    pub(super) fn new(limits: Option<&Limits>) -> Self {
        let made = limits.and_then(|limits| {
            Some((limits.clone(), policy_value(limits.iter().map(|limit| (Owner::Entity, limit)))?))
        });
        Self(made)
    }

    /// The field for `statuses`: the one at hand where it is theirs.
    fn value(&self, statuses: &[LimitStatus]) -> Option<HeaderValue> {
        let own = |limits: &Limits| {
            let pairs = limits.iter().zip(statuses);
            limits.len() == statuses.len()
                && pairs.into_iter().all(|(limit, status)| status.owner == Owner::Entity && status.limit == *limit)
        };
        match &self.0 {
            Some((limits, value)) if own(limits) => Some(value.clone()),
            _ => policy_value(statuses.iter().map(|status| (status.owner, &status.limit))),
        }
    }
}

/// Appends both fields for `statuses`.
pub(super) fn report(headers: &mut HeaderMap, field: &PolicyField, statuses: &[LimitStatus], which: ReportLimits) {
    let statuses = match which {
        ReportLimits::Off => return,
        ReportLimits::All => statuses,
        ReportLimits::Nearest => {
            let nearest = statuses.iter().enumerate().min_by(|(_, a), (_, b)| share_left(a).total_cmp(&share_left(b)));
            let Some((index, _)) = nearest else { return };
            &statuses[index..=index]
        }
    };
    let (Some(policy), Some(remaining)) = (field.value(statuses), remaining_value(statuses)) else {
        return;
    };
    // Lists: a layer further in may have reported its own.
    headers.append(RATE_LIMIT_POLICY, policy);
    headers.append(RATE_LIMIT, remaining);
}

fn share_left(status: &LimitStatus) -> f64 {
    status.available as f64 / status.limit.capacity() as f64
}

fn policy_value<'a>(limits: impl IntoIterator<Item = (Owner, &'a Limit)>) -> Option<HeaderValue> {
    let mut list = ListWriter::default();
    for (owner, limit) in limits {
        let capacity = i64::try_from(limit.capacity()).unwrap_or(MOST);
        list.item(owner, limit);
        list.parameter(b";q=", capacity);
        list.parameter(b";w=", seconds_up(limit.time_to_fill()).max(1));
    }
    list.finish()
}

fn remaining_value(statuses: &[LimitStatus]) -> Option<HeaderValue> {
    let mut list = ListWriter::default();
    for status in statuses {
        list.item(status.owner, &status.limit);
        list.parameter(b";r=", status.available);
        list.parameter(b";t=", seconds_up(status.reset_after));
    }
    list.finish()
}

/// Writes a list of strings with whole numbers as parameters: RFC 9651, sections 3.1 and 3.3. Into
/// one buffer, because every response carries one; limits' names need no escapes.
#[derive(Default)]
struct ListWriter(SmallVec<[u8; 128]>);

impl ListWriter {
    fn item(&mut self, owner: Owner, limit: &Limit) {
        if !self.0.is_empty() {
            self.0.extend_from_slice(b", ");
        }
        self.0.push(b'"');
        if owner == Owner::Parent {
            self.0.extend_from_slice(PARENT.as_bytes());
        }
        self.0.extend_from_slice(limit.name().as_str().as_bytes());
        self.0.push(b'"');
    }

    fn parameter(&mut self, key: &[u8], number: i64) {
        self.0.extend_from_slice(key);
        let mut rest = number.clamp(0, MOST);
        let start = self.0.len();
        loop {
            self.0.push(b'0' + u8::try_from(rest % 10).unwrap_or(0));
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.0[start..].reverse();
    }

    fn finish(self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.0).ok()
    }
}

/// What a parent's limits are told by.
const PARENT: &str = "parent.";

/// What clients see a limit called: a parent's is told by its level, never by the parent's id.
pub(super) fn policy_name(owner: Owner, limit: &Limit) -> Cow<'_, str> {
    match owner {
        Owner::Parent => Cow::Owned(format!("{PARENT}{}", limit.name())),
        _ => Cow::Borrowed(limit.name().as_str()),
    }
}

/// Whole seconds, rounded up.
pub(super) fn seconds_up(time: Duration) -> i64 {
    i64::try_from(time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Level, Parameters, plan};

    fn status(limit: &Limit, tokens: i64) -> LimitStatus {
        plan::status(limit, Parameters::from(limit).whole(), Level { tokens: tokens * 1000, remainder: 0 }, 0, 0)
    }

    fn reported(limits: &[Limit], tokens: &[i64], which: ReportLimits) -> [Option<String>; 2] {
        let statuses: Vec<_> = limits.iter().zip(tokens).map(|(limit, tokens)| status(limit, *tokens)).collect();
        let mut headers = HeaderMap::new();
        report(&mut headers, &PolicyField::new(Some(&Limits::new(limits.to_vec()).unwrap())), &statuses, which);
        [RATE_LIMIT_POLICY, RATE_LIMIT].map(|name| headers.get(name).map(|value| value.to_str().unwrap().to_owned()))
    }

    #[test]
    fn reports_all_limits_or_the_nearest() {
        let limits = [Limit::per_minute("rpm", 100), Limit::per_minute("tpm", 10_000)];
        assert_eq!(
            reported(&limits, &[42, 9_120], ReportLimits::All).map(Option::unwrap),
            [r#""rpm";q=100;w=60, "tpm";q=10000;w=60"#, r#""rpm";r=42;t=35, "tpm";r=9120;t=6"#]
        );
        assert_eq!(
            reported(&limits, &[42, 9_120], ReportLimits::Nearest).map(Option::unwrap),
            [r#""rpm";q=100;w=60"#, r#""rpm";r=42;t=35"#]
        );
        assert_eq!(reported(&limits, &[42, 9_120], ReportLimits::Off), [None, None]);
    }

    #[test]
    fn stays_within_what_structured_fields_hold() {
        let widest = Limit::custom("w", Limit::MAX_TOKENS, 1, Duration::from_secs(1_000_000_000)).unwrap();
        let [policy, remaining] = reported(&[widest], &[-5], ReportLimits::All).map(Option::unwrap);
        assert_eq!(policy, r#""w";q=999999999999999;w=999999999999999"#);
        assert!(remaining.starts_with(r#""w";r=0;t="#), "{remaining}");
        let fast = Limit::custom("f", 1, 1000, Duration::from_secs(1)).unwrap();
        assert_eq!(reported(&[fast], &[1], ReportLimits::All)[0].as_deref(), Some(r#""f";q=1;w=1"#));
    }
}
