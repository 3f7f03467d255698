//! The count of writes on one item.

use super::{Level, RefillRule};

/// The internal limit that counts the writes on an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pressure {
    /// The rule for the writes that one item takes.
    pub rule: RefillRule,
    /// The writes that are left.
    pub level: Level,
    /// 1000 for each write since the item was created.
    pub consumed: i64,
}

impl Pressure {
    /// Returns the count of an item that takes writes by this rule.
    pub fn new(rule: RefillRule, level: Level, consumed: i64) -> Self {
        Self {
            rule,
            level,
            consumed,
        }
    }
}
