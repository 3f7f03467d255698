//! The limits of a config, as attributes of its item.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    super::{
        attributes::{NO_SCHEDULE, ZONE},
        expression::{Expression, number, text},
    },
    batch::{Item, corrupt},
};
use crate::{
    model::{Limit, Renewal, ResetSchedule, Timetable},
    store::{StoreError, StoreErrorKind},
};

/// The attributes of token buckets and of quotas with a calendar begin with this prefix.
const LASTING: &str = "l_";

/// The attributes of quotas with sessions begin with this prefix, so that clients that do not know
/// sessions do not see them.
const SESSION: &str = "w_";

const CAPACITY: &str = "cp";
const REFILL_AMOUNT: &str = "ra";
/// Seconds.
const REFILL_PERIOD: &str = "rp";
const RESET_SCHEDULE: &str = "rsched";
const SCHEDULE: &str = "sched";
/// Present and true if the limit refuses nothing.
const SOFT: &str = "soft";
/// Seconds.
const SESSION_LENGTH: &str = "rsa";

/// Returns the limits of a config's item, and the name of an attribute that changes their meaning
/// and is not understood.
pub(super) fn decode(item: &Item) -> Result<(Vec<Limit>, Option<String>), StoreError> {
    let mut limits: Vec<Limit> = Vec::new();
    let mut not_understood = None;
    for attribute in item.keys() {
        let Some((prefix, name)) = named(attribute) else {
            continue;
        };
        if limits.iter().any(|limit| *limit.name() == name) {
            return Err(corrupt(&format!("{name} (it is stored twice)")));
        }
        match limit(item, prefix, name)? {
            Ok(limit) => limits.push(limit),
            Err(attribute) => not_understood = not_understood.max(Some(attribute)),
        }
    }
    Ok((limits, not_understood))
}

/// Returns `true` if the attribute of a config belongs to a limit.
pub(super) fn is_of_a_limit(attribute: &str) -> bool {
    [LASTING, SESSION]
        .iter()
        .any(|prefix| attribute.starts_with(prefix))
}

/// Returns the prefix and the name of the limit whose capacity the attribute is.
fn named(attribute: &str) -> Option<(&'static str, &str)> {
    [LASTING, SESSION].into_iter().find_map(|prefix| {
        let name = attribute.strip_prefix(prefix)?;
        Some((prefix, name.strip_suffix(CAPACITY)?.strip_suffix('_')?))
    })
}

/// Returns the limit `name`, or the attribute that is not understood.
fn limit(item: &Item, prefix: &str, name: &str) -> Result<Result<Limit, String>, StoreError> {
    let attribute = |field| attribute(prefix, name, field);
    let read = |field| -> Result<u64, StoreError> {
        match item.get(&attribute(field)) {
            Some(AttributeValue::N(number)) => number.parse().map_err(|_| corrupt(name)),
            _ => Err(corrupt(name)),
        }
    };
    let capacity = read(CAPACITY)?;
    let limit = if prefix == SESSION {
        Limit::quota(name, capacity).session(Duration::from_secs(read(SESSION_LENGTH)?))
    } else if let Some(schedule) = reset_schedule(item, &attribute(RESET_SCHEDULE)) {
        match schedule {
            Some(schedule) if read(REFILL_AMOUNT)? == 0 => {
                Limit::quota(name, capacity).schedule(schedule)
            }
            _ => return Ok(Err(attribute(RESET_SCHEDULE))),
        }
    } else {
        let period = Duration::from_secs(read(REFILL_PERIOD)?);
        Limit::new(name, capacity, read(REFILL_AMOUNT)?, period)
    };
    let limit = limit.map_err(|error| corrupt(&format!("{name} ({error})")).with_source(error))?;
    let limit = match timetable(item, &attribute(SCHEDULE)) {
        None => Some(limit),
        Some(timetable) => timetable.and_then(|timetable| limit.with_timetable(timetable).ok()),
    };
    let is_soft = matches!(item.get(&attribute(SOFT)), Some(AttributeValue::Bool(true)));
    let limit = limit.map(|limit| limit.with_softness(is_soft));
    Ok(limit.ok_or_else(|| attribute(SCHEDULE)))
}

/// Returns the schedule of parameters in an attribute. `Some(None)` if it is not understood.
fn timetable(item: &Item, attribute: &str) -> Option<Option<Timetable>> {
    let value = item.get(attribute)?;
    let Ok(compact) = value.as_s() else {
        return Some(None);
    };
    if compact == NO_SCHEDULE {
        return None;
    }
    Some(Timetable::decode(compact, zone_of(item)).ok())
}

/// Returns the time zone of all schedules of the item.
fn zone_of(item: &Item) -> &str {
    let zone = item.get(ZONE).and_then(|zone| zone.as_s().ok());
    zone.map_or("UTC", String::as_str)
}

/// Returns the reset schedule in an attribute. `Some(None)` if it is not understood.
fn reset_schedule(item: &Item, attribute: &str) -> Option<Option<ResetSchedule>> {
    let value = item.get(attribute)?;
    let Ok(compact) = value.as_s() else {
        return Some(None);
    };
    if compact == NO_SCHEDULE {
        return None;
    }
    Some(ResetSchedule::decode(compact, zone_of(item)).ok())
}

fn attribute(prefix: &str, name: &str, field: &str) -> String {
    format!("{prefix}{name}_{field}")
}

/// Adds the limits to the write of a config, in place of the limits in `known`.
pub(super) fn write(
    expression: &mut Expression,
    limits: &[Limit],
    known: Option<&Item>,
) -> Result<(), StoreError> {
    let mut written = Vec::new();
    for limit in limits {
        for (attribute, value) in attributes(limit)? {
            expression.set(&attribute, value);
            written.push(attribute);
        }
    }
    match zone(limits)? {
        Some(zone) => expression.set(ZONE, text(zone)),
        None => expression.remove(ZONE),
    }
    for attribute in known.into_iter().flat_map(|item| item.keys()) {
        let of_a_limit = attribute.starts_with(LASTING) || attribute.starts_with(SESSION);
        if of_a_limit && !written.contains(attribute) {
            expression.remove(attribute);
        }
    }
    Ok(())
}

/// Returns the attributes of a limit: tokens and seconds.
fn attributes(limit: &Limit) -> Result<Vec<(String, AttributeValue)>, StoreError> {
    if limit.refill_period().subsec_nanos() != 0 {
        let message = format!(
            "the refill period of {} must be whole seconds",
            limit.name()
        );
        return Err(StoreError::new(StoreErrorKind::Rejected, message));
    }
    let prefix = match limit.renewal() {
        Some(Renewal::Session(_)) => SESSION,
        _ => LASTING,
    };
    // The numbers have at most fifteen digits.
    let whole = |amount: u64| number(i64::try_from(amount).unwrap_or(i64::MAX));
    let mut fields = vec![
        (CAPACITY, whole(limit.capacity())),
        (REFILL_AMOUNT, whole(limit.refill_amount())),
        (REFILL_PERIOD, whole(limit.refill_period().as_secs())),
    ];
    if let Some(timetable) = limit.timetable() {
        fields.push((SCHEDULE, text(timetable.compact())));
    }
    match limit.renewal() {
        None => {}
        Some(Renewal::Calendar(calendar)) => {
            fields.push((RESET_SCHEDULE, text(calendar.compact())));
        }
        Some(Renewal::Session(length)) => fields.push((SESSION_LENGTH, number(length / 1000))),
    }
    if limit.is_soft() {
        fields.push((SOFT, AttributeValue::Bool(true)));
    }
    let name = limit.name().as_str();
    let named = fields
        .into_iter()
        .map(|(field, value)| (attribute(prefix, name, field), value));
    Ok(named.collect())
}

/// Returns the time zone of the calendars and schedules. An item has one for all of them.
fn zone(limits: &[Limit]) -> Result<Option<&str>, StoreError> {
    let mut zones = limits.iter().flat_map(Limit::zones);
    let first = zones.next();
    match first.and_then(|first| zones.find(|other| *other != first)) {
        None => Ok(first),
        Some(other) => Err(StoreError::new(
            StoreErrorKind::Rejected,
            format!("calendars or schedules in two time zones: {first:?} and {other:?}"),
        )),
    }
}
