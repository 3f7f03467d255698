//! Reads listings page by page.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{Client, types::AttributeValue};

use super::{
    super::{expression::text, failure::store_error},
    batch::Item,
};
use crate::store::{Cursor, Page, StoreError, StoreErrorKind};

/// A part of DynamoDB's message for a query of an index that the table does not have.
const NO_INDEX: &str = "does not have the specified index";

/// A listing of one partition of the table or of an index.
#[derive(Clone, Debug)]
pub(crate) struct PartitionQuery {
    pub(crate) index: Option<&'static str>,
    pub(crate) hash: (&'static str, String),
    /// The range key, and the prefix that it must have.
    pub(crate) range: Option<(&'static str, String)>,
    /// `true` for descending order.
    pub(crate) backwards: bool,
    pub(crate) consistent: bool,
    /// The maximum number of rows of a page; `None` for as many as fit into a megabyte.
    pub(crate) most: Option<i32>,
}

/// The bounds of a page.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach<'a> {
    /// The greatest range key. If a greatest key is given, the listing's text is the least range
    /// key and no prefix.
    pub(super) highest: Option<&'a str>,
    /// The maximum number of rows.
    pub(super) rows: Option<i32>,
}

/// Reads one page of at most a megabyte of items. One round trip.
pub(crate) async fn page(
    client: &Client,
    table: &str,
    listing: &PartitionQuery,
    from: Option<&Cursor>,
) -> Result<Page<Item>, StoreError> {
    page_within(client, table, listing, Reach::default(), from).await
}

/// Reads one page within `reach`. One round trip.
pub(super) async fn page_within(
    client: &Client,
    table: &str,
    listing: &PartitionQuery,
    reach: Reach<'_>,
    from: Option<&Cursor>,
) -> Result<Page<Item>, StoreError> {
    let mut query = client
        .query()
        .table_name(table)
        .set_index_name(listing.index.map(Into::into))
        .scan_index_forward(!listing.backwards)
        .consistent_read(listing.consistent)
        .set_limit(reach.rows.or(listing.most))
        .set_exclusive_start_key(from.map(decode).transpose()?)
        .expression_attribute_names("#hash", listing.hash.0)
        .expression_attribute_values(":hash", text(&listing.hash.1));
    query = match (&listing.range, reach.highest) {
        (None, _) => query.key_condition_expression("#hash = :hash"),
        (Some((attribute, lowest)), Some(highest)) => query
            .key_condition_expression("#hash = :hash AND #range BETWEEN :lowest AND :highest")
            .expression_attribute_names("#range", *attribute)
            .expression_attribute_values(":lowest", text(lowest))
            .expression_attribute_values(":highest", text(highest)),
        (Some((attribute, prefix)), None) => query
            .key_condition_expression("#hash = :hash AND begins_with(#range, :prefix)")
            .expression_attribute_names("#range", *attribute)
            .expression_attribute_values(":prefix", text(prefix)),
    };
    let output = query
        .send()
        .await
        .map_err(|error| no_index(table, listing.index, store_error(error)))?;
    let next = output.last_evaluated_key.as_ref().map(encode).transpose()?;
    Ok(Page::new(output.items.unwrap_or_default(), next))
}

/// Returns the error for a table without the index of a listing, if that is the reason why a query
/// was refused. Opening does not look at the indexes of a table that has a version record, because
/// that would be one more call each time.
fn no_index(table: &str, index: Option<&str>, error: StoreError) -> StoreError {
    match index {
        Some(index)
            if error.kind() == StoreErrorKind::Rejected && error.to_string().contains(NO_INDEX) =>
        {
            let message = format!(
                "table {table} has no index {index}: it was not created by tollgate or zae-limiter, or was restored \
                 without its indexes"
            );
            StoreError::new(StoreErrorKind::NotOurs, message).with_source(error)
        }
        _ => error,
    }
}

/// Reads all pages. Only for short listings.
pub(super) async fn all(
    client: &Client,
    table: &str,
    listing: &PartitionQuery,
) -> Result<Vec<Item>, StoreError> {
    let mut rows = Vec::new();
    let mut from = None;
    loop {
        let page = page(client, table, listing, from.as_ref()).await?;
        rows.extend(page.rows);
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(rows),
        }
    }
}

/// Encodes a key as a cursor. All keys of the table and its indexes are texts.
pub(super) fn encode(key: &Item) -> Result<Cursor, StoreError> {
    let texts = key
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_s().ok()?.as_str())));
    let texts: BTreeMap<&str, &str> = texts.collect();
    serde_json::to_string(&texts)
        .map(Cursor::new)
        .map_err(|error| unusable(&error))
}

pub(super) fn decode(cursor: &Cursor) -> Result<HashMap<String, AttributeValue>, StoreError> {
    let texts: BTreeMap<String, String> =
        serde_json::from_str(cursor.as_str()).map_err(|error| unusable(&error))?;
    Ok(texts
        .into_iter()
        .map(|(name, value)| (name, text(value)))
        .collect())
}

fn unusable(error: &serde_json::Error) -> StoreError {
    StoreError::new(
        StoreErrorKind::Rejected,
        format!("the cursor does not belong to this listing: {error}"),
    )
}
