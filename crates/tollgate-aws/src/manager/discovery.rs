//! Finds all stacks of a region.

use std::time::SystemTime;

use aws_types::SdkConfig;

use super::{deployed::DeployedStack, error::DeployError, stack_manager::client};
use crate::options::{MANAGED_BY, TAG_PREFIX};

/// The value of the tag by which stacks are found.
const MANAGER: &str = "zae-limiter";

/// The beginning of the names of stacks that old versions of zae-limiter made.
const LEGACY_PREFIX: &str = "ZAEL-";

/// A stack of a region, made by this crate or by zae-limiter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimiterInfo {
    /// The name of the CloudFormation stack.
    pub stack_name: String,
    /// The name for people: without the prefix of old versions of zae-limiter.
    pub user_name: String,
    /// The region, if one is known.
    pub region: Option<String>,
    /// The status, as CloudFormation names it.
    pub stack_status: String,
    /// The time at which the stack was created.
    pub creation_time: Option<SystemTime>,
    /// The time of the last update; `None` if there was none.
    pub last_updated_time: Option<SystemTime>,
    /// The version that deployed the stack.
    pub version: Option<String>,
    /// The version of the functions.
    pub lambda_version: Option<String>,
    /// The version of the table's schema.
    pub schema_version: Option<String>,
    /// The type: `limiter`, or `load-test` for the load-test stacks of zae-limiter.
    pub stack_type: String,
}

impl LimiterInfo {
    /// Reads a stack. Returns `None` if it is none of a limiter.
    fn read(stack: DeployedStack, region: Option<&str>) -> Option<Self> {
        let own = |key: &str| stack.tags.get(&format!("{TAG_PREFIX}{key}")).cloned();
        let is_tagged = stack.tags.get(MANAGED_BY).is_some_and(|tag| tag == MANAGER);
        let legacy = stack.name.strip_prefix(LEGACY_PREFIX);
        if !is_tagged && legacy.is_none() {
            return None;
        }
        Some(Self {
            user_name: own("name").unwrap_or_else(|| legacy.unwrap_or(&stack.name).to_owned()),
            region: region.map(str::to_owned),
            version: own("version"),
            lambda_version: own("lambda-version"),
            schema_version: own("schema-version"),
            stack_type: own("type").unwrap_or_else(|| "limiter".to_owned()),
            stack_name: stack.name,
            stack_status: stack.status,
            creation_time: stack.created,
            last_updated_time: stack.updated,
        })
    }

    /// Returns true if the last operation is done, and the stack is as it was asked to be.
    pub fn is_healthy(&self) -> bool {
        matches!(
            self.stack_status.as_str(),
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE"
        )
    }

    /// Returns true if an operation is under way.
    pub fn is_in_progress(&self) -> bool {
        self.stack_status.contains("IN_PROGRESS")
    }

    /// Returns true if an operation failed, or was taken back.
    pub fn is_failed(&self) -> bool {
        ["FAILED", "ROLLBACK"]
            .iter()
            .any(|word| self.stack_status.contains(word))
    }
}

/// Returns all stacks of the region that this crate or zae-limiter made, by name. One call for each
/// page of stacks.
///
/// # Errors
/// [`DeployError::Call`].
pub async fn list_deployed(config: &SdkConfig) -> Result<Vec<LimiterInfo>, DeployError> {
    let region = config.region().map(AsRef::as_ref);
    let mut found = Vec::new();
    let stacks = client(config).describe_stacks();
    let mut pages = stacks.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(DeployError::call("listing the stacks"))?;
        let stacks = page.stacks().iter().map(DeployedStack::read);
        let stacks = stacks.filter(|stack| stack.status != "DELETE_COMPLETE");
        found.extend(stacks.filter_map(|stack| LimiterInfo::read(stack, region)));
    }
    found.sort_by(|one, other| one.user_name.cmp(&other.user_name));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::{Stack, StackStatus, Tag};

    use super::*;

    fn info(name: &str, tags: &[(&str, &str)]) -> Option<LimiterInfo> {
        let tags = tags
            .iter()
            .map(|(key, value)| Tag::builder().key(*key).value(*value).build());
        let stack = Stack::builder()
            .stack_name(name)
            .stack_status(StackStatus::UpdateRollbackComplete)
            .set_tags(Some(tags.collect()))
            .build();
        LimiterInfo::read(DeployedStack::read(&stack), Some("eu-west-1"))
    }

    #[test]
    fn stacks_are_found_by_their_tag_or_by_their_old_name() {
        assert_eq!(info("other", &[]), None);
        assert_eq!(info("other", &[("ManagedBy", "someone")]), None);
        let old = info("ZAEL-limits", &[]).unwrap();
        assert_eq!(old.user_name, "limits");
        assert_eq!(old.stack_type, "limiter");
        assert!(old.is_failed() && !old.is_healthy() && !old.is_in_progress());
        let load = [
            ("ManagedBy", "zae-limiter"),
            ("zae-limiter:name", "limits"),
            ("zae-limiter:type", "load-test"),
            ("zae-limiter:version", "0.17.0"),
        ];
        let load = info("limits-load", &load).unwrap();
        assert_eq!(load.user_name, "limits");
        assert_eq!(load.stack_type, "load-test");
        assert_eq!(load.version.as_deref(), Some("0.17.0"));
    }
}
