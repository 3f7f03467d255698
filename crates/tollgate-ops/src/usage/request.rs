//! The requests for snapshots.

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};

use super::{
    part::Addition,
    snapshot::{Mark, OWN, SnapshotName, SnapshotState},
};
use crate::{
    attributes::{ENTITY_ID, EXPIRES_AT, PK, RESOURCE, SK, number, text},
    error::OpsError,
    record::Item,
};

/// The suffix of the attribute that counts a soft limit's overdrafts.
const OVERDRAWN: &str = "#od";

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The outcome of a write.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The snapshot was written.
    Written,
    /// The snapshot had changed, and is this item now.
    Changed(Item),
}

/// Returns the write of a snapshot. It requires the revision before the addition.
pub(super) fn update(
    client: &Client,
    table: &str,
    name: &SnapshotName,
    retention_days: u32,
    addition: &Addition,
) -> UpdateItemFluentBuilder {
    let mut request = client
        .update_item()
        .table_name(table)
        .key(PK, text(name.hash()))
        .key(SK, text(name.range()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .expression_attribute_names("#own", OWN)
        .expression_attribute_values(":own", addition.state.encode());
    let seen = addition.state.revision - 1;
    let mut set = vec!["#own = :own".to_owned()];
    if seen == 0 {
        request = request.condition_expression("attribute_not_exists(#own)");
        for (index, (attribute, value)) in constants(name, retention_days).into_iter().enumerate() {
            set.push(format!("#s{index} = if_not_exists(#s{index}, :s{index})"));
            request = request
                .expression_attribute_names(format!("#s{index}"), attribute)
                .expression_attribute_values(format!(":s{index}"), value);
        }
    } else {
        request = request
            .condition_expression("#own.#rev = :seen")
            .expression_attribute_names("#rev", "rev")
            .expression_attribute_values(":seen", number(seen));
    }
    let overdrawn = addition.overdrawn.iter();
    let overdrawn = overdrawn.map(|(limit, count)| (format!("{limit}{OVERDRAWN}"), *count));
    let tokens = addition
        .tokens
        .iter()
        .map(|(limit, tokens)| (limit.clone(), *tokens));
    let events = [("total_events".to_owned(), addition.events)];
    let mut add = Vec::new();
    for (index, (attribute, amount)) in tokens.chain(events).chain(overdrawn).enumerate() {
        add.push(format!("#a{index} :a{index}"));
        request = request
            .expression_attribute_names(format!("#a{index}"), attribute)
            .expression_attribute_values(format!(":a{index}"), number(amount));
    }
    request.update_expression(format!("SET {} ADD {}", set.join(", "), add.join(", ")))
}

/// Returns the attributes that never change.
fn constants(name: &SnapshotName, retention_days: u32) -> [(&'static str, AttributeValue); 9] {
    let hash = name.hash();
    let key = name.window.key();
    let end = name
        .window
        .end()
        .saturating_add(i64::from(retention_days) * DAY);
    [
        (ENTITY_ID, text(&*name.entity)),
        (RESOURCE, text(&*name.resource)),
        ("window", text(name.window.length.word())),
        ("window_start", text(name.window.start_text())),
        (EXPIRES_AT, number(end)),
        (
            "GSI2PK",
            text(format!("{}/RESOURCE#{}", name.namespace, name.resource)),
        ),
        ("GSI2SK", text(format!("USAGE#{key}#{}", name.entity))),
        ("GSI4PK", text(&*name.namespace)),
        ("GSI4SK", text(hash)),
    ]
}

/// Sends the write.
pub(super) async fn send(request: UpdateItemFluentBuilder) -> Result<Outcome, OpsError> {
    let failed = match request.send().await {
        Ok(_) => return Ok(Outcome::Written),
        Err(error) => error,
    };
    if let SdkError::ServiceError(service) = &failed
        && let UpdateItemError::ConditionalCheckFailedException(refused) = service.err()
    {
        return Ok(Outcome::Changed(refused.item.clone().unwrap_or_default()));
    }
    Err(OpsError::aws("UpdateItem", failed))
}

/// Returns the last change of a shard that was counted in a window of the same length before this
/// one.
pub(super) async fn last_mark(
    client: &Client,
    table: &str,
    name: &SnapshotName,
    shard: u32,
) -> Result<Option<Mark>, OpsError> {
    let mut from = None;
    loop {
        let page = client
            .query()
            .table_name(table)
            .consistent_read(true)
            .scan_index_forward(false)
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :first AND :this")
            .filter_expression("#window = :window AND attribute_exists(#own.#marks.#shard)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_names("#window", "window")
            .expression_attribute_names("#own", OWN)
            .expression_attribute_names("#marks", "marks")
            .expression_attribute_names("#shard", shard.to_string())
            .expression_attribute_values(":pk", text(name.hash()))
            .expression_attribute_values(":first", text(name.prefix()))
            .expression_attribute_values(":this", text(name.range()))
            .expression_attribute_values(":window", text(name.window.length.word()))
            .set_exclusive_start_key(from)
            .send()
            .await
            .map_err(|error| OpsError::aws("Query", error))?;
        if let Some(item) = page.items().first() {
            let state = SnapshotState::decode(item);
            let mut state = state.ok_or_else(|| OpsError::Unreadable { key: name.range() })?;
            return Ok(state.marks.remove(&shard));
        }
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(None);
        }
    }
}
