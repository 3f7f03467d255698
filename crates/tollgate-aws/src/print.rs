//! Prints nodes.

use crate::node::Node;

/// The reason why a document could not be printed.
#[derive(Debug, thiserror::Error)]
#[error("the document cannot be printed: {0}")]
pub struct PrintError(String);

/// Returns the node as indented JSON.
pub(crate) fn json(node: &Node) -> Result<String, PrintError> {
    let text = serde_json::to_string_pretty(node);
    let mut text = text.map_err(|error| PrintError(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

/// Returns the node as JSON in one line.
pub(crate) fn compact_json(node: &Node) -> Result<String, PrintError> {
    serde_json::to_string(node).map_err(|error| PrintError(error.to_string()))
}

/// Returns the node as YAML.
pub(crate) fn yaml(node: &Node) -> Result<String, PrintError> {
    serde_saphyr::to_string(node).map_err(|error| PrintError(error.to_string()))
}
