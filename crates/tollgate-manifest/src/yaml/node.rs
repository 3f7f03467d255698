//! The nodes of a document.

use crate::source::Place;

/// A node of a document.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// The value of a node.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A text, a number, a boolean or nothing. Plain text has no quotes and no block.
    Scalar {
        text: String,
        is_plain: bool,
    },
    List(Vec<Node>),
    /// The pairs in the order of the file. A key may be there twice.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// Returns true if nothing is there: an empty value, `~` or `null`.
    pub(crate) fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar { text, is_plain } => {
                *is_plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            _ => false,
        }
    }

    /// Returns true if both say the same, in the same order, wherever they are.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let all = |ones: &[Self], others: &[Self]| {
            let same = ones
                .iter()
                .zip(others)
                .all(|(one, other)| one.is_same(other));
            same && ones.len() == others.len()
        };
        match (&self.value, &other.value) {
            (
                Value::Scalar { text, is_plain },
                Value::Scalar {
                    text: of,
                    is_plain: plain,
                },
            ) => text == of && is_plain == plain,
            (Value::List(ones), Value::List(others)) => all(ones, others),
            (Value::Map(ones), Value::Map(others)) => {
                let mut pairs = ones.iter().zip(others);
                ones.len() == others.len()
                    && pairs
                        .all(|((key, value), (other, of))| key.is_same(other) && value.is_same(of))
            }
            _ => false,
        }
    }

    /// Returns the number of nodes of the tree below this node, and of itself.
    pub(crate) fn size(&self) -> usize {
        match &self.value {
            Value::Scalar { .. } => 1,
            Value::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Value::Map(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| key.size() + value.size());
                1 + pairs.sum::<usize>()
            }
        }
    }

    /// Returns the same node at another place, which is also the place of everything in it.
    pub(crate) fn moved(mut self, place: Place) -> Self {
        self.place = place;
        self
    }
}
