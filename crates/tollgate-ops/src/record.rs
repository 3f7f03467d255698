//! Records of a table's stream, as the rest of this crate reads them.

use std::{cmp::Ordering, collections::HashMap, fmt};

use aws_sdk_dynamodb::types::AttributeValue;

/// The attributes of an item.
pub type Item = HashMap<String, AttributeValue>;

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// An item was created.
    Insert,
    /// An item was changed or replaced.
    Modify,
    /// An item was deleted, by a request or because it expired.
    Remove,
}

/// A change of one item.
#[derive(Clone, Debug)]
pub struct StreamRecord {
    /// The kind of the change.
    pub kind: RecordKind,
    /// The time of the change by DynamoDB's clock, epoch seconds.
    pub time: i64,
    /// The position in the stream. Later changes of an item have greater positions.
    pub sequence: Sequence,
    /// The partition key.
    pub hash: String,
    /// The sort key.
    pub range: String,
    /// The item before the change.
    pub old: Option<Item>,
    /// The item after the change.
    pub new: Option<Item>,
}

/// A sequence number of a stream: a decimal number of 21 to 40 digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sequence(String);

impl Sequence {
    /// Creates a sequence number from its digits.
    pub fn new(digits: impl Into<String>) -> Self {
        Self(digits.into())
    }

    /// Returns the digits as they came.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn significant(&self) -> &str {
        self.0.trim_start_matches('0')
    }
}

impl Ord for Sequence {
    fn cmp(&self, other: &Self) -> Ordering {
        let (this, that) = (self.significant(), other.significant());
        // Invariant: equal numbers with different leading zeros are ordered by their digits.
        let by_value = this.len().cmp(&that.len()).then_with(|| this.cmp(that));
        by_value.then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Sequence {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_are_compared_as_numbers() {
        let of = |digits: &str| Sequence::new(digits);
        assert!(of("9") < of("10"));
        assert!(of("0009") < of("10"));
        assert!(of("100000000000000000000009") > of("100000000000000000000008"));
        assert!(
            of("99999999999999999999999999999999999999")
                < of("100000000000000000000000000000000000000")
        );
    }
}
