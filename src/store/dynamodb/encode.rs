//! Encodes bucket writes to expressions and items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    attributes::{
        BYPASS, CASCADE, DISABLED, ENTITY_ID, EXPIRES_AT, GENERATION, INCARNATION, LAST_WRITE,
        LimitField, OWN_ANCHOR, PARENT_ID, PK, PRESSURE, PRESSURE_CAPACITY, PRESSURE_PERIOD,
        REFILLED_AT, RESOURCE, SHARD_COUNT, SK, STATE, VALID_UNTIL, bucket_index_keys, bucket_key,
        limit_attribute, soft_attribute,
    },
    expression::{Expression, number, text},
    quota, timetable,
};
use crate::model::{
    Boundary, BucketKey, CascadeChange, Create, Expiry, Guard, Line, MILLI, NewLimit, Parameters,
    ParentLink, PeriodMark, StampChange, StampGuard, TokenChange, Update, Validity,
};

pub(super) fn update(update: &Update) -> Expression {
    let mut expression = Expression::default();
    expression.require_present(PK);
    expression.require_absent_or(EXPIRES_AT, ">", number(update.now.div_euclid(1000)));
    if let Guard::NotLanded(id) = &update.guard {
        expression.require_absent_or(LAST_WRITE, "<>", text(id.as_str()));
    }
    expression.set(LAST_WRITE, text(update.id.as_str()));
    if let Some(seen) = update.anchor.seen() {
        expression.require(REFILLED_AT, "=", number(seen));
    }
    if let Some(to) = update.anchor.moves_to() {
        expression.set(REFILLED_AT, number(to));
        expression.set(OWN_ANCHOR, number(to));
    }
    match update.expiry {
        Expiry::Keep => {}
        Expiry::At(seconds) => expression.set(EXPIRES_AT, number(seconds)),
        Expiry::Never => expression.remove(EXPIRES_AT),
    }
    match update.boundary {
        Boundary::Keep => {}
        Boundary::At(end) => expression.set(VALID_UNTIL, number(end)),
        Boundary::Never => expression.remove(VALID_UNTIL),
    }
    if let Some(lineage) = &update.lineage {
        expression.require_absent(PARENT_ID);
        expression.require_absent(INCARNATION);
        link(&mut expression, lineage);
    }
    stamps(&mut expression, &update.stamps, update.now);
    if let Some(change) = &update.stamp_change {
        stamp_change(&mut expression, change, update.now);
    }
    match update.shard_count {
        None => {}
        // The oldest items have no shard count.
        Some(1) => expression.require_absent_or(SHARD_COUNT, "=", number(1)),
        Some(count) => expression.require(SHARD_COUNT, "=", number(count.into())),
    }
    if let Some(count) = update.raises_to {
        expression.set(SHARD_COUNT, number(count.into()));
    }
    for line in &update.lines {
        limit_line(&mut expression, line);
    }
    for new in &update.added {
        let attribute = |field| limit_attribute(new.limit.as_str(), field);
        // Only a complete limit counts as present: an item can keep a part of one if a delete and a
        // settlement ran at the same time.
        let parts = [
            LimitField::Tokens,
            LimitField::Capacity,
            LimitField::RefillAmount,
            LimitField::RefillPeriod,
        ]
        .map(attribute);
        expression.require_any_absent(parts.iter().map(String::as_str));
        for (field, value) in new_fields(new) {
            expression.set(&attribute(field), number(value));
        }
        // A deleted limit of the same name may have left its remainder.
        expression.set(
            &attribute(LimitField::Remainder),
            number(new.level.remainder),
        );
    }
    let zone = timetable::update(&mut expression, update);
    quota::update(&mut expression, update, zone);
    if let Some(change) = update.pressure {
        tokens(&mut expression, PRESSURE, change);
        expression.add(&limit_attribute(PRESSURE, LimitField::Consumed), MILLI);
    }
    expression
}

/// Returns the write that gives a bucket the link of a moved entity. A newer link of the same
/// incarnation stays.
pub(super) fn moved(lineage: &ParentLink) -> Expression {
    let mut expression = Expression::default();
    expression.require_present(PK);
    if let Some(stamp) = &lineage.stamp {
        expression.require_absent_or_any(&[
            (INCARNATION, "<>", text(&stamp.incarnation)),
            (GENERATION, "<=", number(stamp.generation)),
        ]);
    }
    link(&mut expression, lineage);
    expression
}

fn link(expression: &mut Expression, lineage: &ParentLink) {
    match &lineage.parent {
        Some(parent) => expression.set(PARENT_ID, text(parent.as_str())),
        None => expression.remove(PARENT_ID),
    }
    expression.set(CASCADE, AttributeValue::Bool(lineage.cascade));
    if let Some(stamp) = &lineage.stamp {
        expression.set(GENERATION, number(stamp.generation));
        expression.set(INCARNATION, text(&stamp.incarnation));
    }
}

fn stamps(expression: &mut Expression, guard: &StampGuard, now: i64) {
    if guard.enabled {
        expression.require_absent(DISABLED);
    }
    match guard.bypassed {
        None => {}
        Some(true) => expression.require(BYPASS, ">", number(now)),
        Some(false) => expression.require_not(BYPASS, ">", number(now)),
    }
    for limit in &guard.soft {
        expression.require(&soft_attribute(limit.as_str()), ">", number(now));
    }
    match guard.validity {
        Validity::Any => {}
        Validity::Lasts => expression.require_absent_or(VALID_UNTIL, ">", number(now)),
        Validity::Seen(None) => expression.require_absent(VALID_UNTIL),
        Validity::Seen(Some(seen)) => expression.require(VALID_UNTIL, "=", number(seen)),
        Validity::Ends(seen) => {
            expression.require(VALID_UNTIL, "=", number(seen));
            expression.remove(VALID_UNTIL);
        }
    }
}

fn stamp_change(expression: &mut Expression, change: &StampChange, now: i64) {
    match change.disabled {
        None => {}
        Some(true) => expression.set(DISABLED, AttributeValue::Bool(true)),
        Some(false) => expression.remove(DISABLED),
    }
    let soft = change.soft.iter().map(|(name, until)| {
        let seen = change.seen.as_deref().map(|seen| seen.soft_stamp(name));
        (soft_attribute(name.as_str()), *until, seen)
    });
    let bypass = change.bypass.map(|until| {
        let seen = change.seen.as_deref().map(|seen| seen.bypassed_until);
        (BYPASS.to_owned(), until, seen)
    });
    for (attribute, until, seen) in bypass.into_iter().chain(soft) {
        match until {
            Some(until) => expression.set(&attribute, number(until)),
            None => expression.remove(&attribute),
        }
        match seen {
            None => {}
            Some(Some(seen)) => expression.require(&attribute, "=", number(seen)),
            Some(None) => expression.require_not(&attribute, ">", number(now)),
        }
    }
    if let Some(CascadeChange { cascade, parent }) = &change.cascade {
        match parent {
            Some(parent) => expression.require(PARENT_ID, "=", text(parent.as_str())),
            None => expression.require_absent(PARENT_ID),
        }
        expression.set(CASCADE, AttributeValue::Bool(*cascade));
    }
}

fn limit_line(expression: &mut Expression, line: &Line) {
    let limit = line.limit.as_str();
    let held = limit_attribute(limit, LimitField::Tokens);
    if let Some(floor) = line.floor {
        expression.require(&held, ">=", number(floor));
    }
    if let Some(ceiling) = line.ceiling {
        expression.require(&held, "<=", number(ceiling));
    }
    if line.floor.is_none() && line.ceiling.is_none() {
        // Without this condition, an addition would create a limit that has tokens and nothing
        // else.
        expression.require_present(&held);
    }
    if let Some(expected) = line.expected {
        for (field, value) in parameter_fields(expected) {
            expression.require(&limit_attribute(limit, field), "=", number(value));
        }
    }
    match line.in_period {
        None => {}
        // Most quotas were never reset.
        Some(PeriodMark::Resets(0)) => {
            expression.require_absent(&limit_attribute(limit, LimitField::Resets));
        }
        Some(PeriodMark::Resets(resets)) => {
            let attribute = limit_attribute(limit, LimitField::Resets);
            expression.require(&attribute, "=", number(resets));
        }
        Some(PeriodMark::Begins(start)) => {
            let attribute = limit_attribute(limit, LimitField::SessionStart);
            expression.require(&attribute, "=", number(start));
        }
    }
    tokens(expression, limit, line.tokens);
    if line.consumed != 0 {
        expression.add(&limit_attribute(limit, LimitField::Consumed), line.consumed);
    }
    if let Some(remainder) = line.remainder {
        expression.set(
            &limit_attribute(limit, LimitField::Remainder),
            number(remainder),
        );
    }
    if let Some(parameters) = line.parameters {
        for (field, value) in parameter_fields(parameters) {
            expression.set(&limit_attribute(limit, field), number(value));
        }
    }
}

fn tokens(expression: &mut Expression, limit: &str, change: TokenChange) {
    let held = limit_attribute(limit, LimitField::Tokens);
    match change {
        TokenChange::Add(0) => {}
        TokenChange::Add(amount) => expression.add(&held, amount),
        TokenChange::Set(amount) => expression.set(&held, number(amount)),
    }
}

fn parameter_fields(parameters: Parameters) -> [(LimitField, i64); 3] {
    [
        (LimitField::Capacity, parameters.capacity()),
        (LimitField::RefillAmount, parameters.refill_amount()),
        (LimitField::RefillPeriod, parameters.refill_period()),
    ]
}

fn new_fields(new: &NewLimit) -> impl Iterator<Item = (LimitField, i64)> {
    let state = [
        (LimitField::Tokens, new.level.tokens),
        (LimitField::Consumed, new.consumed),
    ];
    parameter_fields(new.parameters).into_iter().chain(state)
}

/// Returns the key of a bucket shard.
pub(super) fn key(namespace: &str, bucket: &BucketKey) -> HashMap<String, AttributeValue> {
    HashMap::from([
        (PK.into(), text(bucket_key(namespace, bucket))),
        (SK.into(), text(STATE)),
    ])
}

/// Returns the item of a new bucket.
pub(super) fn item(
    namespace: &str,
    bucket: &BucketKey,
    create: &Create,
) -> HashMap<String, AttributeValue> {
    let mut item = key(namespace, bucket);
    let mut put = |attribute: &str, value| item.insert(attribute.to_owned(), value);
    put(ENTITY_ID, text(bucket.entity.as_str()));
    put(RESOURCE, text(bucket.resource.as_str()));
    put(
        CASCADE,
        AttributeValue::Bool(
            create
                .lineage
                .as_ref()
                .is_some_and(|lineage| lineage.cascade),
        ),
    );
    if let Some(lineage) = &create.lineage {
        if let Some(parent) = &lineage.parent {
            put(PARENT_ID, text(parent.as_str()));
        }
        if let Some(stamp) = &lineage.stamp {
            put(GENERATION, number(stamp.generation));
            put(INCARNATION, text(&stamp.incarnation));
        }
    }
    put(SHARD_COUNT, number(create.shard_count.into()));
    put(REFILLED_AT, number(create.now));
    put(OWN_ANCHOR, number(create.now));
    put(LAST_WRITE, text(create.id.as_str()));
    if let Some(seconds) = create.expires_at {
        put(EXPIRES_AT, number(seconds));
    }
    if let Some(end) = create.first_end() {
        put(VALID_UNTIL, number(end));
    }
    if let Some(stamps) = &create.stamps {
        if stamps.disabled {
            put(DISABLED, AttributeValue::Bool(true));
        }
        if let Some(until) = stamps.bypassed_until {
            put(BYPASS, number(until));
        }
        for (limit, until) in &stamps.soft_until {
            put(&soft_attribute(limit.as_str()), number(*until));
        }
    }
    let schedules = timetable::attributes(create);
    for (attribute, value) in schedules.into_iter().chain(quota::attributes(create)) {
        put(&attribute, value);
    }
    for (attribute, value) in bucket_index_keys(namespace, bucket) {
        put(attribute, text(value));
    }
    for new in &create.limits {
        for (field, value) in new_fields(new) {
            put(&limit_attribute(new.limit.as_str(), field), number(value));
        }
        if new.level.remainder != 0 {
            put(
                &limit_attribute(new.limit.as_str(), LimitField::Remainder),
                number(new.level.remainder),
            );
        }
    }
    let pressure = [
        (LimitField::Tokens, PRESSURE_CAPACITY),
        (LimitField::Capacity, PRESSURE_CAPACITY),
        (LimitField::RefillAmount, PRESSURE_CAPACITY),
        (LimitField::RefillPeriod, PRESSURE_PERIOD),
        (LimitField::Consumed, 0),
    ];
    for (field, value) in pressure {
        put(&limit_attribute(PRESSURE, field), number(value));
    }
    item
}

/// Returns the condition of a create: the item does not exist, or it has expired.
pub(super) fn create_condition(
    create: &Create,
) -> (
    String,
    HashMap<String, String>,
    HashMap<String, AttributeValue>,
) {
    let names = HashMap::from([
        ("#pk".into(), PK.into()),
        ("#ttl".into(), EXPIRES_AT.into()),
    ]);
    let values = HashMap::from([(":now".into(), number(create.now.div_euclid(1000)))]);
    (
        "attribute_not_exists(#pk) OR #ttl <= :now".into(),
        names,
        values,
    )
}
