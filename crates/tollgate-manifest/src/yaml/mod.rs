//! YAML as a tree whose nodes have places.

mod merge;
mod node;
mod tree;

pub(crate) use node::{Node, Value};
pub(crate) use tree::tree;
