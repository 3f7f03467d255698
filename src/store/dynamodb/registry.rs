//! The version record of a table.
#![allow(clippy::disallowed_methods, reason = "ids of namespaces are random")]

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::{get_item::GetItemError, put_item::PutItemError},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    attributes::{INDEX_KEYS, Item, PK, REGISTRY, REGISTRY_KEY, SK, VERSION},
    expression::text,
    failure::store_error,
    stack::Stack,
    stack_call::call_failed,
    version,
};
use crate::{
    error::StackError,
    model::VersionRecord,
    store::{StoreError, StoreErrorKind},
};

/// The result of looking for a table and its version record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionCheck {
    /// There is no table.
    Nothing,
    /// There is a table without a version record.
    Table,
    /// There is a table whose version this crate can work with.
    Version {
        /// True if this crate was the last to write the record.
        ours: bool,
    },
}

/// Reads and writes the registry of a stack's table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registry<'a> {
    stack: &'a Stack,
    now: i64,
}

impl<'a> Registry<'a> {
    /// Returns the registry of a stack's table. New records are dated `now` (epoch ms).
    pub(crate) fn new(stack: &'a Stack, now: i64) -> Self {
        Self { stack, now }
    }

    /// Checks the version record.
    pub(crate) async fn check_version(&self) -> Result<VersionCheck, StackError> {
        let item = match self.version().await {
            Ok(Some(item)) => item,
            Ok(None) => return Ok(VersionCheck::Table),
            Err(error) if is_missing(&error) => return Ok(VersionCheck::Nothing),
            Err(error) => {
                return Err(call_failed("reading the version record")(store_error(
                    error,
                )));
            }
        };
        let record = version::decode(&item);
        record
            .check()
            .map_err(|problem| StackError::incompatible(self.stack.table(), problem))?;
        Ok(VersionCheck::Version {
            ours: record.is_ours(),
        })
    }

    /// Writes the version record if there is none.
    pub(crate) async fn put_version(&self) -> Result<(), StackError> {
        let mut item = registry_item(VERSION);
        item.extend(
            version::encode(&VersionRecord::ours(self.now))
                .map_err(call_failed("dating a record"))?,
        );
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
                if matches!(
                    error.err(),
                    PutItemError::ConditionalCheckFailedException(_)
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(call_failed("writing the version record")(store_error(
                error,
            ))),
        }
    }

    /// Reads the item of the version record.
    pub(super) async fn version(&self) -> Result<Option<Item>, SdkError<GetItemError>> {
        let output = self
            .stack
            .client()
            .get_item()
            .table_name(self.stack.table())
            .key(PK, text(REGISTRY_KEY))
            .key(SK, text(VERSION))
            .consistent_read(true)
            .send()
            .await?;
        Ok(output.item)
    }
}

/// Returns true if there is no table.
pub(super) fn is_missing(error: &SdkError<GetItemError>) -> bool {
    matches!(error, SdkError::ServiceError(error)
        if matches!(error.err(), GetItemError::ResourceNotFoundException(_)))
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

/// Returns 8 random bytes as 11 URL-safe characters. The first character is never `-`.
pub(super) fn new_namespace_id() -> Result<String, StoreError> {
    loop {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|error| {
            StoreError::new(
                StoreErrorKind::NotApplied,
                format!("no random bytes: {error}"),
            )
        })?;
        let id = URL_SAFE_NO_PAD.encode(bytes);
        if !id.starts_with('-') {
            return Ok(id);
        }
    }
}

/// Returns `true` if the text has the form of an id from [`new_namespace_id`] or from the Python
/// library.
pub(super) fn is_namespace_id(text: &str) -> bool {
    let url_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == 11 && !text.starts_with('-') && text.bytes().all(url_safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespace_ids_are_eleven_characters_and_never_look_like_an_option() {
        for _ in 0..200 {
            let id = new_namespace_id().unwrap();
            assert!(id.len() == 11 && !id.starts_with('-'), "{id}");
            assert!(is_namespace_id(&id), "{id}");
        }
    }
}
