//! Reads the whole table page by page.

use aws_sdk_dynamodb::Client;

use super::{
    super::{
        attributes::{PK, SK},
        expression::text,
        failure::store_error,
    },
    batch::Item,
    pages::{decode, encode},
};
use crate::store::{Cursor, Page, StoreError};

/// Reads one page of at most a megabyte of items, eventually consistent. Returns those with a
/// partition key that begins with `prefix`, and with that sort key. One round trip, whose cost does
/// not depend on what is returned.
pub(super) async fn page(
    client: &Client,
    table: &str,
    (prefix, sort_key): (&str, &str),
    from: Option<&Cursor>,
) -> Result<Page<Item>, StoreError> {
    let output = client
        .scan()
        .table_name(table)
        .filter_expression("begins_with(#hash, :prefix) AND #range = :range")
        .expression_attribute_names("#hash", PK)
        .expression_attribute_names("#range", SK)
        .expression_attribute_values(":prefix", text(prefix))
        .expression_attribute_values(":range", text(sort_key))
        .set_exclusive_start_key(from.map(decode).transpose()?)
        .send()
        .await
        .map_err(store_error)?;
    let next = output.last_evaluated_key.as_ref().map(encode).transpose()?;
    Ok(Page::new(output.items.unwrap_or_default(), next))
}
