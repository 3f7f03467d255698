//! A manifest in an event.

use serde_json::Value;
use tollgate_ops::limits::Manifest;

use super::error::ProvisionError;

/// The most faults that are told.
const MOST: usize = 5;

/// Reads a manifest. Its rules are those of files: JSON is YAML.
pub(super) fn manifest(value: &Value) -> Result<Manifest, ProvisionError> {
    // A line for each value, so that the line of a fault tells its place.
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| ProvisionError::Event(error.to_string()))?;
    Manifest::parse("manifest", &text).map_err(|faults| {
        let all = faults.faults();
        let told = all.iter().take(MOST);
        let told = told.map(|fault| match path(&text, fault.line) {
            path if path.is_empty() => fault.message.clone(),
            path => format!("{path}: {}", fault.message),
        });
        let mut told: Vec<String> = told.collect();
        if all.len() > MOST {
            told.push(format!("and {} more", all.len() - MOST));
        }
        ProvisionError::Event(told.join("; "))
    })
}

/// Returns the keys above a line of indented JSON, and its own: `resources.gpt-4.disabled`.
fn path(text: &str, line: usize) -> String {
    let mut keys: Vec<&str> = Vec::new();
    for line in text.lines().take(line) {
        let rest = line.trim_start();
        let depth = (line.len() - rest.len()) / 2;
        keys.truncate(depth.saturating_sub(1));
        if let Some((key, _)) = rest
            .strip_prefix('"')
            .and_then(|rest| rest.split_once("\": "))
        {
            keys.push(key);
        } else if depth > 0 {
            // An element of a list.
            keys.push("");
        }
    }
    keys.retain(|key| !key.is_empty());
    keys.join(".")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fault_tells_its_path() {
        let problem = manifest(&json!({
            "namespace": "default",
            "resources": {
                "api": { "limits": { "rpm": { "capacity": 5 } } },
                "gpt-4": { "limits": {
                    "rpm": { "capacity": 5 },
                    "tpm": { "capacity": 5, "schedule": [{ "cron": "never", "scale": 2 }] },
                } },
            },
        }));
        let problem = problem.unwrap_err().to_string();
        let path = "resources.gpt-4.limits.tpm.schedule.cron: ";
        assert!(problem.starts_with(path), "{problem}");
    }
}
