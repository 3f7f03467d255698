//! Encodes and decodes the schedules of limits' numbers in buckets.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    attributes::{Item, LimitField, NO_SCHEDULE, SCHEDULE, ZONE, is_schedule, limit_attribute},
    expression::{Expression, text},
};
use crate::model::{Create, Parameters, ScheduleChange, Timetable, Update};

/// Returns the name of an attribute with a schedule that this crate cannot evaluate.
pub(super) fn not_understood(item: &Item) -> Option<String> {
    let unknown = |(attribute, value): &(&String, &AttributeValue)| {
        is_schedule(attribute) && matches!(decoded(item, value), Err(NotUnderstood))
    };
    let names = item.iter().filter(unknown).map(|(name, _)| name);
    names.max().cloned()
}

/// Returns `true` if the item has a schedule for all limits without one of their own.
pub(super) fn is_default(item: &Item) -> bool {
    item.get(SCHEDULE)
        .is_some_and(|value| value.as_s().map_or(true, |text| text != NO_SCHEDULE))
}

/// Returns the schedule of a limit with these numbers: its own or that of the item.
///
/// # Errors
/// The attribute that this crate does not understand.
pub(super) fn of_limit(
    item: &Item,
    limit: &str,
    parameters: Parameters,
) -> Result<Option<Timetable>, String> {
    // Most items have none, and then no name is built.
    let own = limit_attribute(limit, LimitField::Schedule);
    let (attribute, value) = match (item.get(&own), item.get(SCHEDULE)) {
        (Some(value), _) => (own, value),
        (None, Some(value)) => (SCHEDULE.to_owned(), value),
        (None, None) => return Ok(None),
    };
    let Ok(timetable) = decoded(item, value) else {
        return Err(attribute);
    };
    // Nothing refills a quota.
    let refills = |timetable: &Timetable| {
        let mut entries = timetable.schedule().entries().iter();
        entries.any(|entry| entry.refill_amount().is_some())
    };
    if parameters.refill_amount() == 0 && timetable.as_ref().is_some_and(refills) {
        return Err(attribute);
    }
    Ok(timetable)
}

/// A schedule that this crate cannot evaluate.
struct NotUnderstood;

/// Returns the schedule in an attribute; `None` if the attribute says that there is none.
fn decoded(item: &Item, value: &AttributeValue) -> Result<Option<Timetable>, NotUnderstood> {
    let compact = value.as_s().map_err(|_| NotUnderstood)?;
    if compact == NO_SCHEDULE {
        return Ok(None);
    }
    let zone = match item.get(ZONE) {
        None => "UTC",
        Some(zone) => zone.as_s().map_err(|_| NotUnderstood)?,
    };
    let timetable = Timetable::decode(compact, zone).map_err(|_| NotUnderstood)?;
    Ok(Some(timetable))
}

/// Adds the changes of the limits' schedules to an update. Returns the time zone of a new one.
pub(super) fn update<'a>(expression: &mut Expression, update: &'a Update) -> Option<&'a str> {
    let mut zone = None;
    for line in &update.lines {
        if let ScheduleChange::Becomes(timetable) = &line.schedule {
            // The item may have a schedule for all limits that have none of their own.
            let compact = timetable.as_ref().map_or(NO_SCHEDULE, Timetable::compact);
            let own = limit_attribute(line.limit.as_str(), LimitField::Schedule);
            expression.set(&own, text(compact));
            zone = zone.or(timetable.as_ref().map(Timetable::zone));
        }
    }
    for new in &update.added {
        let compact = match &new.timetable {
            Some(timetable) => timetable.compact(),
            None if update.has_schedule => NO_SCHEDULE,
            None => continue,
        };
        let own = limit_attribute(new.limit.as_str(), LimitField::Schedule);
        expression.set(&own, text(compact));
        zone = zone.or(new.timetable.as_ref().map(Timetable::zone));
    }
    zone
}

/// Returns the attributes of the schedules in a new item, as the Python client writes them: the
/// first is that of the item, and limits with another one, or with none, name it.
pub(super) fn attributes(create: &Create) -> Vec<(String, AttributeValue)> {
    let mut timetables = create
        .limits
        .iter()
        .filter_map(|new| new.timetable.as_ref());
    let Some(first) = timetables.next() else {
        return Vec::new();
    };
    let mut attributes = vec![
        (SCHEDULE.to_owned(), text(first.compact())),
        (ZONE.to_owned(), text(first.zone())),
    ];
    for new in &create.limits {
        let compact = new
            .timetable
            .as_ref()
            .map_or(NO_SCHEDULE, Timetable::compact);
        if compact != first.compact() {
            let own = limit_attribute(new.limit.as_str(), LimitField::Schedule);
            attributes.push((own, text(compact)));
        }
    }
    attributes
}
