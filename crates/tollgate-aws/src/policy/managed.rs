//! The policies that roles of services and people have.

use super::{
    document::{PolicyDocument, Statement},
    keys::{BUCKETS, NAMESPACE, NAMESPACE_BUCKETS, NAMESPACE_INDEX, REGISTRY},
    resource::TableResource,
};
use crate::names::StackPolicy;

/// Reads of items, by key and by query. `ConditionCheckItem` is a read inside a transaction.
const READ_ITEMS: &[&str] = &[
    "dynamodb:GetItem",
    "dynamodb:BatchGetItem",
    "dynamodb:Query",
    "dynamodb:ConditionCheckItem",
];

/// Writes of buckets. Transactions need no action of their own: IAM checks those of their parts.
const SPEND: &[&str] = &["dynamodb:PutItem", "dynamodb:UpdateItem"];

/// All writes of items.
const WRITE_ITEMS: &[&str] = &[
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
];

/// Reads of the table's settings.
const DESCRIBE: &[&str] = &[
    "dynamodb:DescribeTable",
    "dynamodb:DescribeTimeToLive",
    "dynamodb:DescribeContinuousBackups",
];

impl TableResource {
    /// Returns the document of a policy for this table.
    pub fn document(&self, policy: StackPolicy) -> PolicyDocument {
        let statements = match policy {
            StackPolicy::AcquireOnly => vec![
                self.items("Read", READ_ITEMS, &[]),
                self.table("Describe", &["dynamodb:DescribeTable"], &[]),
                self.table("Spend", SPEND, &[BUCKETS]),
            ],
            StackPolicy::FullAccess => vec![
                self.items("Read", READ_ITEMS, &[]),
                self.items("Scan", &["dynamodb:Scan"], &[]),
                self.table("Describe", DESCRIBE, &[]),
                self.table("Write", WRITE_ITEMS, &[]),
            ],
            StackPolicy::ReadOnly => vec![
                self.items("Read", READ_ITEMS, &[]),
                self.items("Scan", &["dynamodb:Scan"], &[]),
                self.table("Describe", DESCRIBE, &[]),
            ],
            StackPolicy::NamespaceAcquire => vec![
                self.items("Read", READ_ITEMS, &[NAMESPACE, REGISTRY]),
                self.table("Spend", SPEND, &[NAMESPACE_BUCKETS]),
            ],
            StackPolicy::NamespaceFullAccess => vec![
                self.items("Read", READ_ITEMS, &[NAMESPACE, NAMESPACE_INDEX, REGISTRY]),
                // Not the registry: all namespaces have their names in one of its partitions.
                self.table("Write", WRITE_ITEMS, &[NAMESPACE]),
            ],
            StackPolicy::NamespaceReadOnly => {
                vec![self.items("Read", READ_ITEMS, &[NAMESPACE, NAMESPACE_INDEX, REGISTRY])]
            }
        };
        PolicyDocument { statements }
    }

    /// Returns a statement about the table and its indexes.
    pub(super) fn items(
        &self,
        sid: &'static str,
        actions: &'static [&'static str],
        leading_keys: &'static [&'static str],
    ) -> Statement {
        Statement {
            sid,
            actions,
            resources: self.with_indexes(),
            leading_keys,
        }
    }

    /// Returns a statement about the table alone.
    pub(super) fn table(
        &self,
        sid: &'static str,
        actions: &'static [&'static str],
        leading_keys: &'static [&'static str],
    ) -> Statement {
        Statement {
            sid,
            actions,
            resources: self.alone(),
            leading_keys,
        }
    }
}
