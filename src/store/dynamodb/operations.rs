//! Operations on whole buckets: the shards, the record of the operation and the event of the
//! history, in one transaction.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};

use super::{
    DynamoDbStore,
    attributes::{
        ENTITY_ID, EXPIRES_AT, INDEX_KEYS, LimitField, OPERATION, OWN_ANCHOR, PK, PRESSURE,
        REFILLED_AT, RESOURCE, SHARD_COUNT, SK, VALID_UNTIL, bucket_key, limit_attribute,
    },
    decode, encode,
    expression::{Expression, number, text},
    failure::store_error,
    records::{Item, audit_item, corrupt, get_batch, text_of, unbuildable},
    shards,
};
use crate::{
    model::{
        BucketKey, BucketState, Create, Expiry, LimitChange, LimitName, Operation, OperationKind,
        OperationRecord, PeriodWrite, Renewal, ShardChange, Split,
    },
    store::StoreError,
    telemetry::StoreCall,
};

const KIND: &str = "operation";
const WRITER: &str = "writer";
const OF_INCARNATION: &str = "ent";
const SHARDS: &str = "shards";
const AMOUNTS: &str = "amounts";

impl DynamoDbStore {
    /// Reads all shards of a bucket that exist, in their order.
    pub(super) async fn shards_of(
        &self,
        bucket: &BucketKey,
    ) -> Result<Vec<BucketState>, StoreError> {
        let mut states: BTreeMap<u32, BucketState> = BTreeMap::new();
        // Without a first shard, the second one shows that there are others.
        let mut asked = 0..2;
        while !asked.is_empty() {
            let shards: Vec<BucketKey> = asked
                .clone()
                .map(|shard| BucketKey {
                    shard,
                    ..bucket.clone()
                })
                .collect();
            let keys = shards.iter().map(|key| encode::key(&self.namespace, key));
            let items = get_batch(&self.control, &self.table, keys.collect(), true).await?;
            for key in shards {
                let hash = text(bucket_key(&self.namespace, &key));
                if let Some(item) = items.iter().find(|item| item.get(PK) == Some(&hash)) {
                    states.insert(key.shard, decode::bucket(item, key.shard)?);
                }
            }
            let count = states.values().map(|state| state.shard_count).max();
            asked = asked.end..count.unwrap_or(0).min(Split::MOST_SHARDS);
        }
        Ok(states.into_values().collect())
    }

    pub(super) async fn operation_of(
        &self,
        bucket: &BucketKey,
        key: &str,
    ) -> Result<Option<OperationRecord>, StoreError> {
        let output = self
            .control
            .get_item()
            .table_name(&self.table)
            .set_key(Some(self.operation_key(bucket, key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(store_error)?;
        output.item.map(|item| record(&item, key)).transpose()
    }

    /// Executes an operation. Returns `false` if a condition failed.
    pub(super) async fn execute(&self, operation: &Operation) -> Result<bool, StoreError> {
        let mut actions = Vec::with_capacity(operation.changes.len() + 3);
        for change in &operation.changes {
            let key = BucketKey {
                shard: change.shard,
                ..operation.bucket.clone()
            };
            let action = shard(change, operation.now)
                .into_action(&self.table, encode::key(&self.namespace, &key))
                .map_err(unbuildable)?;
            actions.push(action);
        }
        if let Some(create) = &operation.create {
            actions.push(self.bucket(&operation.bucket, create)?);
        }
        actions.push(self.put_record(operation)?);
        let event = audit_item(
            &self.namespace,
            &operation.event,
            operation.event_expires_at,
        )?;
        let put = Put::builder().table_name(&self.table).set_item(Some(event));
        actions.push(action(put.build().map_err(unbuildable)?));
        shards::send(self.rows(), StoreCall::Transact, actions, None).await
    }

    fn bucket(&self, key: &BucketKey, create: &Create) -> Result<TransactWriteItem, StoreError> {
        let (condition, names, values) = encode::create_condition(create);
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(encode::item(&self.namespace, key, create)))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values));
        Ok(action(put.build().map_err(unbuildable)?))
    }

    fn put_record(&self, operation: &Operation) -> Result<TransactWriteItem, StoreError> {
        let (bucket, record) = (&operation.bucket, &operation.record);
        let amounts = record
            .amounts
            .iter()
            .map(|(limit, amount)| (limit.to_string(), number(*amount)));
        let mut item = self.operation_key(bucket, &record.key);
        let (index_hash, index_range) = INDEX_KEYS[3];
        let range = format!("OP#{}#{}#{}", bucket.entity, bucket.resource, record.key);
        let fields = [
            (ENTITY_ID, text(bucket.entity.as_str())),
            (RESOURCE, text(bucket.resource.as_str())),
            (KIND, text(record.kind.as_str())),
            (WRITER, text(&record.writer)),
            (OF_INCARNATION, text(&record.incarnation)),
            (SHARDS, number(record.shards.into())),
            (AMOUNTS, AttributeValue::M(amounts.collect())),
            (EXPIRES_AT, number(operation.record_expires_at())),
            (index_hash, text(&self.namespace)),
            (index_range, text(range)),
        ];
        item.extend(fields.map(|(name, value)| (name.to_owned(), value)));
        // A record of an earlier incarnation of the entity counts as absent. An entity that was
        // not created has no incarnation: its records count for all, and are never replaced.
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(
                "attribute_not_exists(PK) OR (:of <> :none AND #of <> :of AND #of <> :none)",
            )
            .expression_attribute_names("#of", OF_INCARNATION)
            .expression_attribute_values(":of", text(&record.incarnation))
            .expression_attribute_values(":none", text(OperationRecord::NO_INCARNATION));
        Ok(action(put.build().map_err(unbuildable)?))
    }

    fn operation_key(&self, bucket: &BucketKey, key: &str) -> Item {
        let first = BucketKey {
            shard: 0,
            ..bucket.clone()
        };
        HashMap::from([
            (PK.into(), text(bucket_key(&self.namespace, &first))),
            (SK.into(), text(format!("{OPERATION}{key}"))),
        ])
    }
}

fn action(put: Put) -> TransactWriteItem {
    TransactWriteItem::builder().put(put).build()
}

fn record(item: &Item, key: &str) -> Result<OperationRecord, StoreError> {
    let word = |attribute| text_of(item, attribute).ok_or_else(|| corrupt(attribute));
    let integer = |value: &AttributeValue| value.as_n().ok()?.parse::<i64>().ok();
    let kind = OperationKind::from_word(word(KIND)?).ok_or_else(|| corrupt(KIND))?;
    let shards = item.get(SHARDS).and_then(integer);
    let shards = shards.and_then(|shards| u32::try_from(shards).ok());
    let mut amounts = BTreeMap::new();
    if let Some(AttributeValue::M(fields)) = item.get(AMOUNTS) {
        for (name, amount) in fields {
            let name = LimitName::new(name).map_err(|_| corrupt(AMOUNTS))?;
            amounts.insert(name, integer(amount).ok_or_else(|| corrupt(AMOUNTS))?);
        }
    }
    let writer = text_of(item, WRITER).unwrap_or_default();
    let incarnation = text_of(item, OF_INCARNATION).unwrap_or(OperationRecord::NO_INCARNATION);
    let record = OperationRecord::new(key, kind, writer, incarnation);
    Ok(record.with_result(shards.ok_or_else(|| corrupt(SHARDS))?, amounts))
}

/// Returns the write of one shard.
fn shard(change: &ShardChange, now: i64) -> Expression {
    let mut expression = Expression::default();
    expression.require(REFILLED_AT, "=", number(change.seen));
    expression.require_absent_or(EXPIRES_AT, ">", number(now.div_euclid(1000)));
    let count = number(change.shard_count.into());
    if change.shard_count == 1 {
        // The oldest items have no shard count.
        expression.require_absent_or(SHARD_COUNT, "=", count);
    } else {
        expression.require(SHARD_COUNT, "=", count);
    }
    if let Some(count) = change.raised_to {
        expression.set(SHARD_COUNT, number(count.into()));
    }
    expression.set(REFILLED_AT, number(change.to));
    expression.set(OWN_ANCHOR, number(change.to));
    expression.set(VALID_UNTIL, number(0));
    match change.expiry {
        Expiry::Keep => {}
        Expiry::At(seconds) => expression.set(EXPIRES_AT, number(seconds)),
        Expiry::Never => expression.remove(EXPIRES_AT),
    }
    if change.pressure != 0 {
        expression.add(
            &limit_attribute(PRESSURE, LimitField::Tokens),
            change.pressure,
        );
    }
    for limit in &change.limits {
        limit_change(&mut expression, limit);
    }
    expression
}

fn limit_change(expression: &mut Expression, change: &LimitChange) {
    let attribute = |field| limit_attribute(change.limit.as_str(), field);
    if change.tokens != 0 {
        expression.add(&attribute(LimitField::Tokens), change.tokens);
    } else {
        // Otherwise the write of a deleted limit's period would leave a part of a limit.
        expression.require_present(&attribute(LimitField::Tokens));
    }
    if let Some(remainder) = change.remainder {
        expression.set(&attribute(LimitField::Remainder), number(remainder));
    }
    let Some(PeriodWrite {
        period,
        grants,
        session,
        changes_top_up,
        counts_reset,
    }) = &change.period
    else {
        return;
    };
    if let Some(grants) = grants {
        expression.set(&attribute(LimitField::GrantCount), number((*grants).into()));
    }
    if let Renewal::Session(length) = &period.renewal {
        let start = period.ends_at.saturating_sub(*length);
        if let Some(start) = session {
            expression.set(&attribute(LimitField::SessionStart), number(*start));
            expression.set(&attribute(LimitField::SessionLength), number(length / 1000));
            expression.remove(&attribute(LimitField::SessionMark));
        }
        if period.is_open() {
            // The tokens of a session that another shard has begun stay owed.
            let applied = start.saturating_sub(i64::from(period.stored_tokens.is_some()));
            expression.set(&attribute(LimitField::SessionApplied), number(applied));
        }
    }
    let topped_up = attribute(LimitField::ToppedUp);
    match (changes_top_up, period.topped_up) {
        (false, _) => {}
        (true, 0) => expression.remove(&topped_up),
        (true, amount) => expression.set(&topped_up, number(amount)),
    }
    if *counts_reset {
        expression.add(&attribute(LimitField::Resets), 1);
    }
}
