//! The record that a table keeps about its version.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::{get_item::GetItemError, put_item::PutItemError},
    primitives::{DateTime, DateTimeFormat},
    types::AttributeValue,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    attributes::{INDEX_KEYS, PK, REGISTRY, REGISTRY_KEY, SK, VERSION},
    expression::text,
    failure::store_error,
    stack::Stack,
    table::call_failed,
};
use crate::{
    error::StackError,
    store::{StoreError, StoreErrorKind},
};

type Item = HashMap<String, AttributeValue>;

/// The schema that this crate reads and writes.
const SCHEMA: &str = "0.10.0";

/// Reads and writes the registry of a stack's table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registry<'a> {
    stack: &'a Stack,
    now: i64,
}

impl<'a> Registry<'a> {
    /// `now` (epoch ms) is what new records say about their making.
    pub(crate) fn new(stack: &'a Stack, now: i64) -> Self {
        Self { stack, now }
    }

    /// Checks the version record. `false` where the table does not exist.
    pub(crate) async fn check_version(&self) -> Result<bool, StackError> {
        let item = match self.get(VERSION).await {
            Ok(item) => item,
            Err(SdkError::ServiceError(error)) if matches!(error.err(), GetItemError::ResourceNotFoundException(_)) => {
                return Ok(false);
            }
            Err(error) => return Err(call_failed("reading the version record")(store_error(error))),
        };
        if let Some(AttributeValue::S(found)) = item.and_then(|mut item| item.remove("schema_version"))
            && !is_compatible(&found)
        {
            return Err(StackError::IncompatibleSchema { table: self.stack.table().into(), found, supported: SCHEMA });
        }
        Ok(true)
    }

    /// Writes the version record where there is none.
    pub(crate) async fn put_version(&self) -> Result<(), StackError> {
        let mut item = registry_item(VERSION);
        let mut put = |attribute: &str, value| item.insert(attribute.to_owned(), value);
        put("schema_version", text(SCHEMA));
        put("client_min_version", text("0.0.0"));
        // Not the Python client's functions: at any version but its own it would redeploy them.
        put("lambda_version", AttributeValue::Null(true));
        put("updated_at", text(self.timestamp()?));
        put("updated_by", text(concat!("tollgate:", env!("CARGO_PKG_VERSION"))));
        let result = self
            .stack
            .client()
            .put_item()
            .table_name(self.stack.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(PK)")
            .send()
            .await;
        match result {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), PutItemError::ConditionalCheckFailedException(_)) =>
            {
                Ok(())
            }
            Err(error) => Err(call_failed("writing the version record")(store_error(error))),
        }
    }

    async fn get(&self, sort_key: &str) -> Result<Option<Item>, SdkError<GetItemError>> {
        let output = self
            .stack
            .client()
            .get_item()
            .table_name(self.stack.table())
            .key(PK, text(REGISTRY_KEY))
            .key(SK, text(sort_key))
            .consistent_read(true)
            .send()
            .await?;
        Ok(output.item)
    }

    fn timestamp(&self) -> Result<String, StackError> {
        DateTime::from_secs(self.now.div_euclid(1000)).fmt(DateTimeFormat::DateTime).map_err(|error| {
            call_failed("dating a record")(StoreError::new(StoreErrorKind::NotApplied, error.to_string()))
        })
    }
}

pub(super) fn registry_item(sort_key: &str) -> Item {
    let (index_hash, index_range) = INDEX_KEYS[3];
    HashMap::from([
        (PK.into(), text(REGISTRY_KEY)),
        (SK.into(), text(sort_key)),
        (index_hash.into(), text(REGISTRY)),
        (index_range.into(), text(REGISTRY_KEY)),
    ])
}

/// 8 random bytes as 11 URL-safe characters, the first of which is no `-`.
pub(super) fn new_namespace_id() -> Result<String, StoreError> {
    loop {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes)
            .map_err(|error| StoreError::new(StoreErrorKind::NotApplied, format!("no random bytes: {error}")))?;
        let id = URL_SAFE_NO_PAD.encode(bytes);
        if !id.starts_with('-') {
            return Ok(id);
        }
    }
}

/// The same major version, and a minor one that is not above ours.
fn is_compatible(found: &str) -> bool {
    let numbers = |version: &str| -> Option<(u32, u32)> {
        let mut parts = version.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    match (numbers(found), numbers(SCHEMA)) {
        (Some((major, minor)), Some((our_major, our_minor))) => major == our_major && minor <= our_minor,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_older_minors_only() {
        for (version, readable) in
            [("0.10.0", true), ("0.9.3", true), ("0.11.0", false), ("1.0.0", false), ("", false), ("x.y", false)]
        {
            assert_eq!(is_compatible(version), readable, "{version}");
        }
    }

    #[test]
    fn ids_are_eleven_characters_and_never_look_like_an_option() {
        for _ in 0..200 {
            let id = new_namespace_id().unwrap();
            assert!(id.len() == 11 && !id.starts_with('-'), "{id}");
        }
    }
}
