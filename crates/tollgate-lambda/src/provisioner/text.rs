//! A manifest in an event.

use serde_json::Value;
use tollgate_ops::limits::Manifest;

use super::error::ProvisionError;

/// The most faults that are told.
const MOST: usize = 5;

/// Reads a manifest. Its rules are those of files: JSON is YAML.
pub(super) fn manifest(value: &Value) -> Result<Manifest, ProvisionError> {
    // A line for each value, so that the line of a fault shows what is wrong.
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| ProvisionError::Event(error.to_string()))?;
    Manifest::parse("manifest", &text).map_err(|faults| {
        let all = faults.faults();
        let told = all.iter().take(MOST).map(|fault| {
            let line = text.lines().nth(fault.line.saturating_sub(1));
            format!("{} (at `{}`)", fault.message, line.unwrap_or("").trim())
        });
        let mut told: Vec<String> = told.collect();
        if all.len() > MOST {
            told.push(format!("and {} more", all.len() - MOST));
        }
        ProvisionError::Event(told.join("; "))
    })
}
