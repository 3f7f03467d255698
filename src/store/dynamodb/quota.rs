//! Encodes and decodes the periods of quotas: calendars and sessions.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    attributes::{Item, LimitField, NO_SCHEDULE, RESET_SCHEDULE, ZONE, limit_attribute},
    expression::{Expression, number, text},
};
use crate::model::{
    Calendar, Create, Level, Parameters, Period, PeriodChange, Renewal, Timetable, Update,
};

/// The attributes of a quota that a token bucket does not have.
const OF_A_QUOTA: [LimitField; 7] = [
    LimitField::SessionLength,
    LimitField::SessionStart,
    LimitField::SessionApplied,
    LimitField::SessionMark,
    LimitField::GrantCount,
    LimitField::ToppedUp,
    LimitField::Resets,
];

/// Returns the period of a limit of an item with the anchor `refilled_at` (epoch ms); `None` if the
/// limit has neither a calendar nor sessions. The timetable is that of its numbers. `shards` is the shard and the number of shards.
/// `level` becomes the level that the next write grants, if another shard has begun the session.
///
/// # Errors
/// The attribute that this crate does not understand.
pub(super) fn period(
    item: &Item,
    limit: &str,
    (parameters, timetable): (Parameters, Option<&Timetable>),
    refilled_at: i64,
    shards: (u32, u32),
    (level, consumed): (&mut Level, i64),
) -> Result<Option<Period>, String> {
    let attribute = |field| limit_attribute(limit, field);
    // The attribute with the reset schedule that counts for the limit.
    let own = || {
        let own = attribute(LimitField::ResetSchedule);
        if item.contains_key(&own) {
            own
        } else {
            RESET_SCHEDULE.to_owned()
        }
    };
    if parameters.refill_amount() > 0 {
        // Nothing refills beside the periods of a quota.
        let is_set = |value: &AttributeValue| value.as_s().map_or(true, |text| text != NO_SCHEDULE);
        let session = [LimitField::SessionLength, LimitField::SessionStart].map(attribute);
        if let Some(session) = session
            .into_iter()
            .find(|name| item.get(name).is_some_and(is_set))
        {
            return Err(session);
        }
        return match schedule(item, limit) {
            Some(_) => Err(own()),
            None => Ok(None),
        };
    }
    let number = |field| {
        let value = item.get(&attribute(field));
        value
            .map(|value| whole(value).ok_or_else(|| attribute(field)))
            .transpose()
    };
    let (shard, shard_count) = shards;
    let mut is_owed = false;
    let mut period = match number(LimitField::SessionLength)? {
        Some(seconds) => {
            let renewal = Renewal::Session(seconds.saturating_mul(1000));
            let start = number(LimitField::SessionStart)?;
            let applied = number(LimitField::SessionApplied)?.unwrap_or(refilled_at);
            // A session that has not begun begins with the next charge. A session that another
            // shard has begun is applied to this shard with the next write.
            is_owed = start.is_some_and(|start| start > applied);
            let end = start.map_or(0, |start| renewal.end_after(start));
            Period::at(renewal, refilled_at).with_end(end)
        }
        None => {
            let Some(compact) = schedule(item, limit) else {
                return Ok(None);
            };
            let zone = item.get(ZONE).and_then(|zone| zone.as_s().ok());
            let zone = zone.map_or("UTC", String::as_str);
            let calendar = Calendar::decode(compact, zone).map_err(|_| own())?;
            Period::at(Renewal::Calendar(calendar), refilled_at)
        }
    };
    period.resets = number(LimitField::Resets)?.unwrap_or(0).max(0);
    if is_owed {
        period.stored_tokens = Some(level.tokens);
        let spent = match number(LimitField::SessionMark)? {
            Some(mark) => consumed.saturating_sub(mark).max(0),
            None => 0,
        };
        // All shards begin the session with the amount of its start.
        let start = number(LimitField::SessionStart)?.unwrap_or(refilled_at);
        let amount = timetable.map_or(parameters, |timetable| {
            timetable.parameters_at(parameters, start)
        });
        let share = amount.shard(shard, shard_count);
        let share = share.map_or(0, |rule| rule.capacity());
        level.tokens = share.saturating_sub(spent);
        return Ok(Some(period));
    }
    period.topped_up = number(LimitField::ToppedUp)?.unwrap_or(0).max(0);
    let granted = number(LimitField::GrantCount)?.and_then(|count| u32::try_from(count).ok());
    let granted = granted.filter(|count| *count > 0);
    let granted = granted.unwrap_or_else(|| largest_share(parameters, level.tokens, shards));
    if granted != shard_count {
        period = period.granted_for(shard, granted);
    }
    Ok(Some(period))
}

/// Returns the number of shards for which an item was granted its tokens, if it does not say so. It
/// is the number of shards, or fewer if the item has more than its share.
fn largest_share(parameters: Parameters, tokens: i64, (shard, count): (u32, u32)) -> u32 {
    let mut granted = count;
    let share = |count| parameters.shard(shard % count, count);
    while granted > 1 && share(granted).is_ok_and(|rule| tokens > rule.capacity()) {
        granted /= 2;
    }
    granted
}

/// Returns the reset schedule of a limit: its own or that of the item.
fn schedule<'a>(item: &'a Item, limit: &str) -> Option<&'a str> {
    let own = item.get(&limit_attribute(limit, LimitField::ResetSchedule));
    let schedule = own.or_else(|| item.get(RESET_SCHEDULE))?.as_s().ok()?;
    (schedule != NO_SCHEDULE).then_some(schedule.as_str())
}

fn whole(value: &AttributeValue) -> Option<i64> {
    value.as_n().ok()?.parse().ok()
}

/// Adds the changes of the limits' periods to an update, and the item's time zone, which is `zone`
/// if a schedule has set one.
pub(super) fn update<'a>(
    expression: &mut Expression,
    update: &'a Update,
    mut zone: Option<&'a str>,
) {
    let grants = i64::from(update.raises_to.or(update.shard_count).unwrap_or(1));
    let anchor = update.anchor.moves_to().unwrap_or(update.now);
    for line in &update.lines {
        let limit = line.limit.as_str();
        match &line.period {
            PeriodChange::Renews(_) => renewed(expression, limit, grants),
            PeriodChange::Opens(at) => {
                renewed(expression, limit, grants);
                opened(expression, limit, *at);
            }
            PeriodChange::Stays(granted) => {
                let grants = limit_attribute(limit, LimitField::GrantCount);
                expression.set(&grants, number((*granted).into()));
            }
            PeriodChange::Joins(at) => {
                renewed(expression, limit, grants);
                joined(expression, limit, *at);
            }
            PeriodChange::Becomes(renewal) => {
                begins(expression, limit, renewal.as_ref(), grants, Some(anchor));
                zone = zone.or_else(|| zone_of(renewal.as_ref()));
            }
            _ => {}
        }
    }
    for new in &update.added {
        if let Some(period) = &new.period {
            let start = period.session_start();
            let renewal = Some(&period.renewal);
            begins(expression, new.limit.as_str(), renewal, grants, start);
            zone = zone.or_else(|| zone_of(renewal));
        } else if update.has_reset_schedule {
            let own = limit_attribute(new.limit.as_str(), LimitField::ResetSchedule);
            expression.set(&own, text(NO_SCHEDULE));
        }
    }
    if let Some(zone) = zone {
        expression.set(ZONE, text(zone));
    }
}

/// Grants the whole quota again.
fn renewed(expression: &mut Expression, limit: &str, grants: i64) {
    expression.set(
        &limit_attribute(limit, LimitField::GrantCount),
        number(grants),
    );
    expression.remove(&limit_attribute(limit, LimitField::ToppedUp));
}

fn opened(expression: &mut Expression, limit: &str, at: i64) {
    expression.set(
        &limit_attribute(limit, LimitField::SessionStart),
        number(at),
    );
    joined(expression, limit, at);
}

/// Notes that the tokens are those of the session that began at this time.
fn joined(expression: &mut Expression, limit: &str, at: i64) {
    expression.set(
        &limit_attribute(limit, LimitField::SessionApplied),
        number(at),
    );
    expression.remove(&limit_attribute(limit, LimitField::SessionMark));
}

/// Makes the limit a quota with other periods, or a token bucket. A session begins at `start`: epoch
/// ms, `None` if it begins with the next charge.
fn begins(
    expression: &mut Expression,
    limit: &str,
    renewal: Option<&Renewal>,
    grants: i64,
    start: Option<i64>,
) {
    // The item may have a schedule for all limits that have none of their own.
    let compact = match renewal {
        Some(Renewal::Calendar(calendar)) => calendar.compact(),
        _ => NO_SCHEDULE,
    };
    let own = limit_attribute(limit, LimitField::ResetSchedule);
    expression.set(&own, text(compact));
    let mut rest = OF_A_QUOTA.to_vec();
    let mut set = |field, value| {
        expression.set(&limit_attribute(limit, field), number(value));
        rest.retain(|other| *other != field);
    };
    if renewal.is_some() {
        set(LimitField::GrantCount, grants);
    }
    if let Some(Renewal::Session(length)) = renewal {
        set(LimitField::SessionLength, length / 1000);
        if let Some(start) = start {
            set(LimitField::SessionStart, start);
            set(LimitField::SessionApplied, start);
        }
    }
    for field in rest {
        expression.remove(&limit_attribute(limit, field));
    }
}

/// Divides a limit of an item that is split into `doubled` shards. The `old` item keeps its grant,
/// which was for `granted` shards, and the `new` one has its share of the larger number of shards.
pub(super) fn split(
    limit: &str,
    (old, new): (&mut Expression, &mut Item),
    (granted_for, doubled): (u32, u32),
) {
    let attribute = |field| limit_attribute(limit, field);
    let is_quota = new
        .get(&attribute(LimitField::RefillAmount))
        .and_then(whole)
        == Some(0);
    if !is_quota {
        return;
    }
    let granted = attribute(LimitField::GrantCount);
    if !new.contains_key(&granted) {
        old.set(&granted, number(granted_for.into()));
    }
    new.insert(granted, number(doubled.into()));
    new.remove(&attribute(LimitField::ToppedUp));
    // The mark is a value of the consumption counter, which begins at 0.
    if let Some(mark) = new.get_mut(&attribute(LimitField::SessionMark)) {
        *mark = number(0);
    }
}

fn zone_of(renewal: Option<&Renewal>) -> Option<&str> {
    match renewal {
        Some(Renewal::Calendar(calendar)) => Some(calendar.schedule().zone()),
        _ => None,
    }
}

/// Returns the attributes of the quotas in a new item, as the Python client writes them.
pub(super) fn attributes(create: &Create) -> Vec<(String, AttributeValue)> {
    let renewals = || {
        create
            .limits
            .iter()
            .map(|new| new.period.as_ref().map(|period| &period.renewal))
    };
    let calendar = renewals().flatten().find_map(|renewal| match renewal {
        Renewal::Calendar(calendar) => Some(calendar),
        Renewal::Session(_) => None,
    });
    let mut attributes = Vec::new();
    if let Some(calendar) = calendar {
        attributes.push((RESET_SCHEDULE.to_owned(), text(calendar.compact())));
        attributes.push((ZONE.to_owned(), text(calendar.schedule().zone())));
    }
    for new in &create.limits {
        let mut put = |field, value| {
            attributes.push((limit_attribute(new.limit.as_str(), field), value));
        };
        let renewal = new.period.as_ref().map(|period| &period.renewal);
        let own = match renewal {
            Some(Renewal::Calendar(calendar)) => Some(calendar.compact()),
            _ => None,
        };
        if own != calendar.map(Calendar::compact) {
            put(LimitField::ResetSchedule, text(own.unwrap_or(NO_SCHEDULE)));
        }
        if renewal.is_some() {
            put(LimitField::GrantCount, number(create.shard_count.into()));
        }
        let topped_up = new.period.as_ref().map_or(0, |period| period.topped_up);
        if topped_up > 0 {
            put(LimitField::ToppedUp, number(topped_up));
        }
        if let Some(Renewal::Session(length)) = renewal {
            put(LimitField::SessionLength, number(length / 1000));
            if let Some(start) = new.period.as_ref().and_then(Period::session_start) {
                put(LimitField::SessionStart, number(start));
                put(LimitField::SessionApplied, number(start));
            }
        }
    }
    attributes
}
