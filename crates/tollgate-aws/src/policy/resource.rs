//! The table that a policy names.

use crate::node::{Node, list, map};

/// A table, as policies name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableResource {
    pub(super) table: Node,
    pub(super) indexes: Node,
}

impl TableResource {
    /// A table with an ARN, which may have wildcards: `arn:aws:dynamodb:*:*:table/rate-limits` is the
    /// table of that name in any region of the account that has the policy.
    pub fn new(arn: impl Into<String>) -> Self {
        let table = arn.into();
        Self {
            indexes: format!("{table}/index/*").into(),
            table: table.into(),
        }
    }

    /// The table of the template.
    pub(crate) fn in_template() -> Self {
        Self {
            table: map([("Fn::GetAtt", list(["RateLimitsTable", "Arn"]))]),
            indexes: map([("Fn::Sub", "${RateLimitsTable.Arn}/index/*".into())]),
        }
    }

    pub(super) fn alone(&self) -> Vec<Node> {
        vec![self.table.clone()]
    }

    pub(super) fn with_indexes(&self) -> Vec<Node> {
        vec![self.table.clone(), self.indexes.clone()]
    }
}
