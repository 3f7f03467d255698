//! Checks that a table has the keys and indexes that every call needs.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, GlobalSecondaryIndexDescription, KeySchemaElement, KeyType,
    ScalarAttributeType, TableDescription,
};

use super::{
    attributes::{INDEX_KEYS, PK, SK},
    failure::store_error,
    stack::Stack,
    stack_call::call_failed,
};
use crate::{error::StackError, store::StoreErrorKind};

/// Checks the definition of the stack's table. One `DescribeTable`.
///
/// # Errors
/// [`StackError::NotOurs`] if a key or an index differs, [`StackError::Call`] if the call fails. A
/// missing permission to describe the table is an error only if `strict`.
pub(crate) async fn check_definition(stack: &Stack, strict: bool) -> Result<(), StackError> {
    let table = stack.table();
    let described = stack
        .client()
        .describe_table()
        .table_name(table)
        .send()
        .await
        .map_err(store_error);
    let description = match described {
        Ok(output) => output.table,
        Err(error) if error.kind() == StoreErrorKind::Rejected && !strict => return Ok(()),
        Err(error) => return Err(call_failed("describing the table")(error)),
    };
    match description.as_ref().and_then(problem) {
        Some(problem) => Err(StackError::NotOurs {
            table: table.to_owned(),
            problem,
        }),
        None => Ok(()),
    }
}

/// Returns a description of the first difference from the expected definition.
fn problem(table: &TableDescription) -> Option<String> {
    table_key_problem(table).or_else(|| {
        expected_indexes(table).find_map(|(name, index)| match index {
            None => Some(format!("it has no index {name}")),
            Some((_, problem)) => problem.map(|problem| format!("index {name}: {problem}")),
        })
    })
}

/// Returns a description of the difference from the expected keys of a table.
pub(super) fn table_key_problem(table: &TableDescription) -> Option<String> {
    key_problem(table.key_schema(), table.attribute_definitions(), (PK, SK))
}

/// A description of an index, and of the difference from its expected keys.
type KnownIndex<'a> = (&'a GlobalSecondaryIndexDescription, Option<String>);

/// Returns the indexes that a table should have, by name; `None` for those that it does not have.
pub(super) fn expected_indexes(
    table: &TableDescription,
) -> impl Iterator<Item = (String, Option<KnownIndex<'_>>)> {
    INDEX_KEYS.into_iter().enumerate().map(|(number, keys)| {
        let name = format!("GSI{}", number + 1);
        let mut indexes = table.global_secondary_indexes().iter();
        let index = indexes.find(|index| index.index_name() == Some(&name));
        let known = index.map(|index| {
            let definitions = table.attribute_definitions();
            (index, key_problem(index.key_schema(), definitions, keys))
        });
        (name, known)
    })
}

fn key_problem(
    schema: &[KeySchemaElement],
    definitions: &[AttributeDefinition],
    (hash, range): (&str, &str),
) -> Option<String> {
    let key = |kind: &KeyType| {
        schema
            .iter()
            .find(|key| key.key_type() == kind)
            .map(KeySchemaElement::attribute_name)
    };
    let found = [key(&KeyType::Hash), key(&KeyType::Range)];
    if found != [Some(hash), Some(range)] {
        let found = found.map(|name| name.unwrap_or("none")).join(", ");
        return Some(format!("its keys are {found} instead of {hash}, {range}"));
    }
    let is_text = |name: &str| {
        definitions.iter().any(|known| {
            known.attribute_name() == name && known.attribute_type() == &ScalarAttributeType::S
        })
    };
    let wrong = [hash, range].into_iter().find(|name| !is_text(name))?;
    Some(format!("its key {wrong} is not a string attribute"))
}
