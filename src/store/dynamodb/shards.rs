//! Buckets of several shards: transactions on several shards, and splits.

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{Put, TransactWriteItem},
};

use super::{
    attributes::{
        EXPIRES_AT, LAST_WRITE, LimitField, PK, PRESSURE, PRESSURE_CAPACITY, REFILLED_AT,
        SHARD_COUNT, bucket_index_keys, bucket_key, limit_attribute, limit_of_tokens,
    },
    consumed, decode, encode,
    expression::{Expression, number, text},
    failure::{store_error, transaction_failed},
    quota,
    records::{Item, get_batch, unbuildable},
    retry::{MOST_SENDS, before_resend},
};
use crate::{
    model::{BucketKey, BucketState, Split, Update},
    store::{StoreError, StoreErrorKind},
    telemetry::StoreCall,
};

/// The items of a namespace, and a client for them.
#[derive(Clone, Copy)]
pub(super) struct ShardRows<'a> {
    pub(super) client: &'a Client,
    pub(super) table: &'a str,
    pub(super) namespace: &'a str,
}

/// Executes several updates in one transaction.
///
/// Every send uses the same client request token, so the transaction is executed at most once.
/// DynamoDB remembers the token for ten minutes.
pub(super) async fn transact(
    rows: ShardRows<'_>,
    updates: &[(BucketKey, Update)],
) -> Result<bool, StoreError> {
    let actions = updates
        .iter()
        .map(|(key, update)| action(rows, key, encode::update(update)));
    let actions = actions.collect::<Result<Vec<_>, _>>()?;
    // A write id is unique, so it can be the token.
    let token = updates
        .first()
        .map(|(_, update)| update.id.as_str().to_owned());
    let mut lost = match send(rows, StoreCall::Transact, actions.clone(), token.clone()).await {
        Err(error) if error.kind() == StoreErrorKind::Unknown => error,
        result => return result,
    };
    for sent in 1..MOST_SENDS {
        before_resend(sent).await;
        match send(rows, StoreCall::Transact, actions.clone(), token.clone()).await {
            Ok(true) => return Ok(true),
            Err(error) if error.kind() == StoreErrorKind::Unknown => lost = error,
            // This send did nothing. But an earlier send may have been executed, or may still be
            // executed if it arrives late.
            Ok(false) | Err(_) => break,
        }
    }
    Err(lost)
}

/// Doubles the shards of a bucket in one transaction.
pub(super) async fn split(
    rows: ShardRows<'_>,
    bucket: &BucketKey,
    split: &Split,
) -> Result<bool, StoreError> {
    split.doubled().ok_or_else(too_many)?;
    let shards: Vec<_> = (0..split.shard_count)
        .map(|shard| BucketKey {
            shard,
            ..bucket.clone()
        })
        .collect();
    let keys = shards
        .iter()
        .map(|key| encode::key(rows.namespace, key))
        .collect();
    let items = get_batch(rows.client, rows.table, keys, true).await?;
    let mut actions = Vec::with_capacity(shards.len() * 2);
    for key in &shards {
        let hash = bucket_key(rows.namespace, key);
        let Some(item) = items
            .iter()
            .find(|item| item.get(PK) == Some(&text(&*hash)))
        else {
            return Ok(false);
        };
        let state = decode::bucket(item, key.shard)?;
        if !split.holds(&state) {
            return Ok(false);
        }
        let (half, new) = halve(rows, key, item, &state, split)?;
        actions.push(action(rows, key, half)?);
        actions.push(new);
    }
    send(rows, StoreCall::Split, actions, None).await
}

/// Moves half of a shard's tokens to a new shard.
///
/// Both shards keep the same refill time and the same remainder. The divisor doubles with the shard
/// count, so together the two shards gain exactly what the old shard would have gained.
fn halve(
    rows: ShardRows<'_>,
    key: &BucketKey,
    item: &Item,
    state: &BucketState,
    split: &Split,
) -> Result<(Expression, TransactWriteItem), StoreError> {
    let doubled = split.doubled().ok_or_else(too_many)?;
    let (before, after) = (number(split.shard_count.into()), number(doubled.into()));
    let mut half = Expression::default();
    half.require_present(PK);
    half.require_absent_or(SHARD_COUNT, "=", before);
    half.set(SHARD_COUNT, after.clone());
    half.set(LAST_WRITE, text(split.id.as_str()));
    if let Some(refilled_at) = item.get(REFILLED_AT) {
        half.require(REFILLED_AT, "=", refilled_at.clone());
    }
    if key.shard == 0 && item.contains_key(EXPIRES_AT) {
        // The first shard must not expire: without it, a request would create a new, full bucket in
        // addition to the other shards.
        half.remove(EXPIRES_AT);
    }
    let new_key = BucketKey {
        shard: key.shard + split.shard_count,
        ..key.clone()
    };
    let mut new = item.clone();
    new.extend(encode::key(rows.namespace, &new_key));
    new.extend(
        bucket_index_keys(rows.namespace, &new_key)
            .map(|(name, value)| (name.to_owned(), text(value))),
    );
    new.insert(SHARD_COUNT.into(), after);
    new.insert(LAST_WRITE.into(), text(split.id.as_str()));
    for limit in item
        .keys()
        .filter_map(|attribute| limit_of_tokens(attribute))
    {
        let held = limit_attribute(limit, LimitField::Tokens);
        if limit == PRESSURE {
            // The write pressure is not divided: every item can take this number of writes.
            new.insert(held, number(PRESSURE_CAPACITY));
        } else {
            // The new shard gets the smaller half. An odd millitoken stays in the old shard, which
            // has the larger part of the capacity.
            let known = state.limits().iter().find(|known| known.name == *limit);
            let known = known.filter(|known| known.period().is_some() && !known.is_owed());
            let tokens = match known {
                Some(known) => split.moved(known, (new_key.shard, doubled)),
                None => decode::required(item, &held)?.div_euclid(2),
            };
            new.insert(held.clone(), number(tokens));
            if tokens != 0 {
                half.add(&held, -tokens);
            }
            for field in [
                LimitField::Capacity,
                LimitField::RefillAmount,
                LimitField::RefillPeriod,
            ] {
                let parameter = limit_attribute(limit, field);
                if let Some(value) = item.get(&parameter) {
                    half.require(&parameter, "=", value.clone());
                }
            }
        }
        new.insert(limit_attribute(limit, LimitField::Consumed), number(0));
        let granted = state.limits().iter().find(|known| known.name == *limit);
        let granted = granted.and_then(|known| known.period()?.granted_count());
        let granted = (granted.unwrap_or(split.shard_count), doubled);
        quota::split(limit, (&mut half, &mut new), granted);
    }
    let put = Put::builder()
        .table_name(rows.table)
        .set_item(Some(new))
        .condition_expression("attribute_not_exists(#pk) OR #ttl <= :now")
        .expression_attribute_names("#pk", PK)
        .expression_attribute_names("#ttl", EXPIRES_AT)
        .expression_attribute_values(":now", number(split.now.div_euclid(1000)))
        .build()
        .map_err(unbuildable)?;
    Ok((half, TransactWriteItem::builder().put(put).build()))
}

fn too_many() -> StoreError {
    let message = format!("a bucket has at most {} shards", Split::MOST_SHARDS);
    StoreError::new(StoreErrorKind::Rejected, message)
}

fn action(
    rows: ShardRows<'_>,
    key: &BucketKey,
    expression: Expression,
) -> Result<TransactWriteItem, StoreError> {
    expression
        .into_action(rows.table, encode::key(rows.namespace, key))
        .map_err(unbuildable)
}

/// Sends a transaction. Returns `false` if a condition failed. Without a token, the SDK generates
/// one.
pub(super) async fn send(
    rows: ShardRows<'_>,
    call: StoreCall,
    actions: Vec<TransactWriteItem>,
    token: Option<String>,
) -> Result<bool, StoreError> {
    // DynamoDB writes each item of a transaction twice: once to prepare it and once to commit it.
    let least = 2 * actions.len() as u64;
    let request = rows
        .client
        .transact_write_items()
        .set_transact_items(Some(actions))
        .set_client_request_token(token);
    let result = request
        .set_return_consumed_capacity(consumed::wanted())
        .send()
        .await;
    let error = match result {
        Ok(output) => {
            consumed::note(call, output.consumed_capacity(), least);
            return Ok(true);
        }
        Err(SdkError::ServiceError(error)) => error,
        Err(error) => return Err(store_error(error)),
    };
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error.err() else {
        return Err(store_error(SdkError::ServiceError(error)));
    };
    let reasons = cancelled.cancellation_reasons();
    if reasons
        .iter()
        .any(|reason| reason.code() == Some("ConditionalCheckFailed"))
    {
        consumed::note(call, &[], least);
        return Ok(false);
    }
    Err(transaction_failed(reasons))
}
