//! The current draft: revisions 8 to 11.
//!
//! A limit has these parameters: `q` is the capacity, `qu` the unit that it counts, `w` the seconds
//! in which an empty bucket fills, `r` the tokens that are left (never below 0), `t` the seconds
//! until the bucket is full again, and `pk` a keyed hash of the bucket. In a denial, `t` of a limit
//! with too few tokens is the seconds until it has enough, and no other `t` is beyond
//! `Retry-After`. All are structured fields, whose integers have at most 15 digits.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{RATE_LIMIT, RATE_LIMIT_POLICY, append::append, one_limit::OneLimitFields};
use crate::{
    layer::headers::{
        PartitionKey, QuotaUnit, Standing,
        time::seconds_up,
        writer::{Writer, capacity},
    },
    model::{Limit, LimitName, LimitStatus, Limits, Owner, Resource},
};

/// Both fields, with the values that are made once.
#[derive(Clone, Debug)]
pub(crate) struct ListFields {
    own: Option<Own>,
    units: Vec<(LimitName, QuotaUnit)>,
}

/// The `RateLimit-Policy` field of a policy's own limits: one value for all limits together, and
/// one for each limit.
#[derive(Clone, Debug)]
struct Own {
    limits: Limits,
    all: HeaderValue,
    each: Vec<HeaderValue>,
}

impl ListFields {
    pub(crate) fn new(limits: Option<&Limits>, units: Vec<(LimitName, QuotaUnit)>) -> Self {
        let mut fields = Self { own: None, units };
        fields.own = limits.and_then(|limits| {
            let owned = |limit| (Owner::Entity, None, limit);
            let each = limits
                .iter()
                .map(|limit| fields.policy([owned(limit)], None));
            Some(Own {
                limits: limits.clone(),
                all: fields.policy(limits.iter().map(owned), None)?,
                each: each.collect::<Option<_>>()?,
            })
        });
        fields
    }

    pub(crate) fn names() -> [HeaderName; 2] {
        [RATE_LIMIT, RATE_LIMIT_POLICY]
    }

    /// Returns the fields of a policy that has one limit; `None` for other policies, and for limits
    /// that depend on the calendar: quotas and those with a schedule.
    pub(crate) fn one_limit(&self) -> Option<OneLimitFields> {
        let own = self.own.as_ref()?;
        match (&own.limits[..], &own.each[..]) {
            ([limit], [policy]) if !limit.is_quota() && limit.schedule().is_none() => {
                Some(OneLimitFields::new(limit, policy.clone()))
            }
            _ => None,
        }
    }

    /// Appends both fields, because they are lists. A `RateLimit` of revision 7 is not a list, and
    /// is left as it is.
    pub(crate) fn report(
        &self,
        headers: &mut HeaderMap,
        statuses: &[LimitStatus],
        standing: &Standing<'_>,
    ) {
        if statuses.is_empty() {
            return;
        }
        let partition = standing.partition.as_ref().map(PartitionKey::encoded);
        let policy = self.policy_of(statuses, partition.as_deref());
        let (Some(policy), Some(left)) = (policy, left(statuses, standing, partition.as_deref()))
        else {
            return;
        };
        // Append, because an inner layer may have reported its own limits.
        headers.append(RATE_LIMIT_POLICY, policy);
        append(headers, left);
    }

    /// Returns `RateLimit-Policy` for `statuses`. If `statuses` are those of the policy's own
    /// limits, the value was made before.
    fn policy_of(&self, statuses: &[LimitStatus], partition: Option<&str>) -> Option<HeaderValue> {
        let made = self
            .own
            .as_ref()
            .filter(|_| partition.is_none())
            .and_then(|own| own.of(statuses));
        match made {
            Some(value) => Some(value.clone()),
            None => self.policy(
                statuses
                    .iter()
                    .map(|status| (status.owner, status.resource.as_ref(), &status.limit)),
                partition,
            ),
        }
    }

    fn policy<'a>(
        &self,
        limits: impl IntoIterator<Item = (Owner, Option<&'a Resource>, &'a Limit)>,
        partition: Option<&str>,
    ) -> Option<HeaderValue> {
        let mut writer = Writer::default();
        for (owner, resource, limit) in limits {
            writer.limit(owner, resource, limit);
            writer.parameter(b";q=", capacity(limit));
            if let Some(unit) = self.unit(limit) {
                writer.text(b";qu=\"");
                writer.text(unit.as_str().as_bytes());
                writer.text(b"\"");
            }
            writer.parameter(b";w=", seconds_up(limit.time_to_fill()).max(1));
            write_partition(&mut writer, owner, resource, partition);
        }
        writer.finish()
    }

    /// Returns the unit that the limit counts, unless it is requests.
    fn unit(&self, limit: &Limit) -> Option<&QuotaUnit> {
        let (_, unit) = self.units.iter().find(|(name, _)| name == limit.name())?;
        Some(unit).filter(|unit| **unit != QuotaUnit::Requests)
    }
}

impl Own {
    fn of(&self, statuses: &[LimitStatus]) -> Option<&HeaderValue> {
        let same = |limit: &Limit, status: &LimitStatus| {
            status.owner == Owner::Entity && status.resource.is_none() && status.limit == *limit
        };
        if let [status] = statuses {
            let index = self.limits.iter().position(|limit| same(limit, status))?;
            return self.each.get(index);
        }
        let all = self.limits.len() == statuses.len()
            && self
                .limits
                .iter()
                .zip(statuses)
                .all(|(limit, status)| same(limit, status));
        all.then_some(&self.all)
    }
}

/// Returns the value of `RateLimit`.
fn left(
    statuses: &[LimitStatus],
    standing: &Standing<'_>,
    partition: Option<&str>,
) -> Option<HeaderValue> {
    let mut writer = Writer::default();
    for status in statuses {
        let resource = status.resource.as_ref();
        writer.limit(status.owner, resource, &status.limit);
        writer.parameter(b";r=", status.available);
        writer.parameter(b";t=", window(status, standing));
        write_partition(&mut writer, status.owner, resource, partition);
    }
    writer.finish()
}

/// Returns the seconds of `t`. In a denial, `t` must not end after `Retry-After`.
fn window(status: &LimitStatus, standing: &Standing<'_>) -> i64 {
    let full = seconds_up(status.reset_after);
    match (standing.refused, status.retry_after) {
        (false, _) => full,
        (true, Some(wait)) if status.exceeded() => seconds_up(wait),
        (true, _) => standing.retry_after.map_or(full, |told| full.min(told)),
    }
}

/// Writes the key of the entity's own bucket. That of the parent's bucket is not revealed. The key
/// is that of the request's own resource, so limits of other resources have none.
fn write_partition(
    writer: &mut Writer,
    owner: Owner,
    resource: Option<&Resource>,
    partition: Option<&str>,
) {
    if let (Owner::Entity, None, Some(key)) = (owner, resource, partition) {
        writer.text(b";pk=:");
        writer.text(key.as_bytes());
        writer.text(b":");
    }
}
