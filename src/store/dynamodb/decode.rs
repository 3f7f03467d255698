//! Decodes items to bucket states.

use std::num::IntErrorKind;

use aws_sdk_dynamodb::types::AttributeValue;

use super::attributes::{
    BYPASS, CASCADE, DISABLED, EXPIRES_AT, GENERATION, INCARNATION, Item, LAST_WRITE, LimitField,
    NO_SCHEDULE, OWN_ANCHOR, PARENT_ID, PRESSURE, REFILLED_AT, RESET_SCHEDULE, SHARD_COUNT,
    VALID_UNTIL, limit_attribute, limit_of_capacity, limit_of_soft, limit_of_tokens, user_limit,
};
use super::{quota, timetable};
use crate::{
    model::{
        BucketStamps, BucketState, EntityId, Level, LimitState, OwnerStamp, Parameters, Pressure,
        Split, WriteId,
    },
    store::{StoreError, StoreErrorKind},
};

/// Returns the state of bucket shard `shard`.
pub(super) fn bucket(item: &Item, shard: u32) -> Result<BucketState, StoreError> {
    let mut state = BucketState::new(required(item, REFILLED_AT)?);
    state.own_anchor = integer(item, OWN_ANCHOR)?;
    state.expires_at = integer(item, EXPIRES_AT)?;
    state.shard = shard;
    state.shard_count = match integer(item, SHARD_COUNT)? {
        None => 1,
        Some(count) => {
            let count = u32::try_from(count)
                .ok()
                .filter(|count| (1..=Split::MOST_SHARDS).contains(count));
            count.ok_or_else(|| corrupt(SHARD_COUNT))?
        }
    };
    state.cascade = matches!(item.get(CASCADE), Some(AttributeValue::Bool(true)));
    state.parent = match item.get(PARENT_ID) {
        Some(AttributeValue::S(parent)) => {
            Some(EntityId::new(parent).map_err(|_| corrupt(PARENT_ID))?)
        }
        _ => None,
    };
    state.stamped = item.contains_key(INCARNATION);
    if let (Some(AttributeValue::S(incarnation)), Ok(Some(generation))) =
        (item.get(INCARNATION), integer(item, GENERATION))
    {
        state.stamp = Some(Box::new(OwnerStamp::new(generation, incarnation)));
    }
    state.last_write = match item.get(LAST_WRITE) {
        Some(AttributeValue::S(id)) => Some(WriteId::from_text(id.as_str())),
        _ => None,
    };
    let mut stamps = stamps(item)?;
    let scheduled = stamps.not_understood.is_some();
    let mut names: Vec<&str> = item
        .keys()
        .filter_map(|attribute| limit_of_tokens(attribute))
        .collect();
    names.sort_unstable();
    for name in names {
        let mut fields = LimitFields::new(item, name);
        // Deleting a stored limit can leave its tokens behind without parameters. Such tokens are
        // not a limit.
        if fields.lacks_parameters() {
            stamps
                .incomplete
                .extend(user_limit(name).filter(|_| !scheduled));
            continue;
        }
        let parameters = match fields.parameters() {
            // The parameters may be invalid for a plain limit, for example if only a schedule
            // refills it.
            Err(_) if scheduled => continue,
            parameters => parameters?,
        };
        let consumed = fields.counter(LimitField::Consumed)?.unwrap_or(0);
        if name == PRESSURE {
            if parameters.refill_amount() == 0 {
                return Err(corrupt(&limit_attribute(name, LimitField::RefillAmount)));
            }
            // The count of writes to this item. The count is only measured: no request is denied
            // because of it. The count is not divided among the shards, because every item takes
            // this many writes.
            let level = Level {
                tokens: fields.counter(LimitField::Tokens)?.unwrap_or(0),
                remainder: 0,
            };
            state.pressure = Some(Pressure::new(parameters.whole(), level, consumed));
            continue;
        }
        let mut level = Level {
            tokens: fields.required(LimitField::Tokens)?,
            remainder: fields.integer(LimitField::Remainder)?.unwrap_or(0),
        };
        let Some(limit) = user_limit(name) else {
            continue;
        };
        let timetable = timetable::of_limit(item, name, parameters);
        let timetable = timetable.unwrap_or_else(|attribute| {
            stamps.not_understood = stamps.not_understood.take().max(Some(attribute));
            None
        });
        let shards = (shard, state.shard_count);
        let level_and_consumed = (&mut level, consumed);
        let period = quota::period(
            item,
            name,
            (parameters, timetable.as_ref()),
            state.refilled_at,
            shards,
            level_and_consumed,
        );
        let period = period.unwrap_or_else(|attribute| {
            stamps.not_understood = stamps.not_understood.take().max(Some(attribute));
            None
        });
        if period.is_none() && parameters.refill_amount() == 0 && stamps.not_understood.is_none() {
            return Err(corrupt(&limit_attribute(name, LimitField::RefillAmount)));
        }
        let limit = LimitState::new(limit, parameters, shards, level, consumed);
        let limit = limit.map_err(|error| invalid(name, error))?;
        let limit = limit.with_period(period);
        state
            .limits
            .push(limit.with_timetable(timetable, shards, state.refilled_at));
    }
    // Limits that have a capacity but no tokens are incomplete too.
    for name in item
        .keys()
        .filter_map(|attribute| limit_of_capacity(attribute))
    {
        let complete = state.limits.iter().any(|limit| limit.name == *name) || name == PRESSURE;
        if !complete && !item.contains_key(&limit_attribute(name, LimitField::Tokens)) {
            stamps
                .incomplete
                .extend(user_limit(name).filter(|_| !scheduled));
        }
    }
    state.stamps = (!stamps.is_empty()).then(|| Box::new(stamps));
    Ok(state)
}

/// Returns the stamps that newer peers have put on the item.
fn stamps(item: &Item) -> Result<BucketStamps, StoreError> {
    let mut stamps = BucketStamps::default();
    for (attribute, value) in item {
        if let Some(limit) = limit_of_soft(attribute).and_then(user_limit) {
            // A value that is not a number was never valid: it is ignored.
            stamps
                .soft_until
                .extend(time(value).map(|until| (limit, until)));
        }
    }
    stamps.not_understood = timetable::not_understood(item);
    stamps.has_schedule = timetable::is_default(item);
    stamps.disabled = item.contains_key(DISABLED);
    stamps.bypassed_until = item.get(BYPASS).and_then(time);
    stamps.valid_until = integer(item, VALID_UNTIL)?;
    stamps.has_reset_schedule = item
        .get(RESET_SCHEDULE)
        .is_some_and(|value| !matches!(value, AttributeValue::S(text) if text == NO_SCHEDULE));
    Ok(stamps)
}

fn time(value: &AttributeValue) -> Option<i64> {
    value.as_n().ok()?.parse().ok()
}

/// Reads the fields of one limit from an item.
struct LimitFields<'a> {
    item: &'a Item,
    name: &'a str,
    /// A buffer for attribute names: one allocation for all fields.
    attribute: String,
    /// The byte at which the field's suffix begins in `attribute`.
    field: usize,
}

impl<'a> LimitFields<'a> {
    fn new(item: &'a Item, name: &'a str) -> Self {
        let attribute = limit_attribute(name, LimitField::Tokens);
        let field = attribute.len() - LimitField::Tokens.suffix().len();
        Self {
            item,
            name,
            attribute,
            field,
        }
    }

    fn integer(&mut self, field: LimitField) -> Result<Option<i64>, StoreError> {
        integer(self.item, self.name_of(field))
    }

    /// Returns a counter. A number that does not fit becomes the nearest `i64`.
    fn counter(&mut self, field: LimitField) -> Result<Option<i64>, StoreError> {
        let item = self.item;
        let attribute = self.name_of(field);
        match item.get(attribute) {
            Some(AttributeValue::N(number)) => {
                match number.parse::<i64>().map_err(|error| *error.kind()) {
                    Ok(number) => Ok(Some(number)),
                    Err(IntErrorKind::PosOverflow) => Ok(Some(i64::MAX)),
                    Err(IntErrorKind::NegOverflow) => Ok(Some(i64::MIN)),
                    Err(_) => Err(corrupt(attribute)),
                }
            }
            _ => integer(item, attribute),
        }
    }

    /// Returns `true` if one of the limit's parameters is missing.
    fn lacks_parameters(&mut self) -> bool {
        let item = self.item;
        [
            LimitField::Capacity,
            LimitField::RefillAmount,
            LimitField::RefillPeriod,
        ]
        .into_iter()
        .any(|field| !item.contains_key(self.name_of(field)))
    }

    fn name_of(&mut self, field: LimitField) -> &str {
        self.attribute.truncate(self.field);
        self.attribute.push_str(field.suffix());
        &self.attribute
    }

    fn required(&mut self, field: LimitField) -> Result<i64, StoreError> {
        self.integer(field)?.ok_or_else(|| corrupt(&self.attribute))
    }

    fn parameters(&mut self) -> Result<Parameters, StoreError> {
        let (capacity, amount) = (
            self.required(LimitField::Capacity)?,
            self.required(LimitField::RefillAmount)?,
        );
        Parameters::new(capacity, amount, self.required(LimitField::RefillPeriod)?)
            .map_err(|error| invalid(self.name, error))
    }
}

pub(super) fn required(item: &Item, attribute: &str) -> Result<i64, StoreError> {
    integer(item, attribute)?.ok_or_else(|| corrupt(attribute))
}

fn integer(item: &Item, attribute: &str) -> Result<Option<i64>, StoreError> {
    match item.get(attribute) {
        None => Ok(None),
        Some(AttributeValue::N(number)) => number.parse().map(Some).map_err(|_| corrupt(attribute)),
        Some(_) => Err(corrupt(attribute)),
    }
}

fn corrupt(attribute: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Corrupt,
        format!("a bucket item's {attribute} is missing or invalid"),
    )
}

fn invalid(limit: &str, error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    let message = format!("a bucket item's limit {limit} is invalid: {error}");
    StoreError::new(StoreErrorKind::Corrupt, message).with_source(error)
}
