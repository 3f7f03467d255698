//! Text, numbers, lists and maps that are printed as JSON or YAML.

use serde::{Serialize, Serializer};
use serde_json::Number;

/// A value of a template or of a policy. Maps keep the order in which they were written:
/// `serde_json::Value` sorts them, unless another crate of the build turns its order on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Text(String),
    Number(Number),
    Flag(bool),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Node {
    /// Returns the value at a path of keys.
    #[cfg(feature = "manager")]
    pub(crate) fn find_mut(&mut self, path: &[&str]) -> Option<&mut Self> {
        let [first, rest @ ..] = path else {
            return Some(self);
        };
        let Self::Map(entries) = self else {
            return None;
        };
        let (_, value) = entries.iter_mut().find(|(key, _)| key == first)?;
        value.find_mut(rest)
    }
}

/// Returns a map.
pub(crate) fn map<const N: usize>(entries: [(&str, Node); N]) -> Node {
    let entries = entries.map(|(key, value)| (key.to_owned(), value));
    Node::Map(entries.into())
}

/// Returns a list.
pub(crate) fn list(items: impl IntoIterator<Item = impl Into<Node>>) -> Node {
    Node::List(items.into_iter().map(Into::into).collect())
}

/// Returns a whole number that is larger than those of a stack. A large one is a text, because
/// CloudFormation would make a text like `1.0E10` of it for a custom resource.
pub(crate) fn whole(number: u64) -> Node {
    if i32::try_from(number).is_ok() {
        Node::Number(number.into())
    } else {
        Node::Text(number.to_string())
    }
}

/// Returns a number in its shortest form, as people write it.
pub(crate) fn decimal(number: f64) -> Node {
    if number.fract() == 0.0 && (0.0..1e15).contains(&number) {
        return whole(number as u64);
    }
    // What is not finite has no other form than a text.
    Number::from_f64(number).map_or_else(|| Node::Text(number.to_string()), Node::Number)
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Node {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for Node {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => number.serialize(serializer),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (key, value)))
            }
        }
    }
}
