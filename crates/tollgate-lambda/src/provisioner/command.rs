//! Events of a command.

use std::time::Instant;

use aws_sdk_dynamodb::Client;
use serde_json::Value;

use super::{apply, error::ProvisionError, namespace, text};

/// Handles `{action: plan|apply, table_name, namespace_id, manifest, full}`, as the command of the Python
/// library sends it.
pub(super) async fn run(
    client: &Client,
    table: Option<&str>,
    event: &Value,
    deadline: Instant,
) -> Result<Value, ProvisionError> {
    let wrong = |problem: &str| ProvisionError::Event(problem.to_owned());
    let text = |name: &str| {
        let text = event.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    let action = text("action").unwrap_or("plan");
    if !["plan", "apply"].contains(&action) {
        return Err(wrong("action must be plan or apply"));
    }
    let table = text("table_name").or(table);
    let table = table.ok_or_else(|| wrong("the event has no table_name"))?;
    let declared = event.get("manifest");
    let manifest = text::manifest(declared.ok_or_else(|| wrong("the event has no manifest"))?)?;
    let name = manifest.namespace().as_str();
    if let Some(id) = text("namespace_id") {
        let known = namespace::name_of(client, table, id).await?;
        if known != name {
            return Err(ProvisionError::Event(format!(
                "the manifest is of the namespace {name}, and namespace_id {id} is that of {known}"
            )));
        }
    }
    let full = match event.get("full") {
        None | Some(Value::Null) => false,
        Some(full) => full
            .as_bool()
            .ok_or_else(|| wrong("full must be true or false"))?,
    };
    let target = namespace::open(client, table, name).await?;
    match action {
        "plan" => apply::plan(&target, &manifest, full).await,
        _ => apply::apply(&target, &manifest, full, deadline).await,
    }
}
