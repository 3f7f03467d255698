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
        let all = faults.faults().iter();
        let all = all.enumerate().map(|(index, fault)| {
            // To find the path takes a while, and only the first ones are told.
            match (index < MOST).then(|| path(&text, fault.line)) {
                Some(path) if !path.is_empty() => format!("{path}: {}", fault.message),
                _ => fault.message.clone(),
            }
        });
        ProvisionError::Event(together(all.collect()))
    })
}

/// Returns the first faults, and the number of the others.
pub(super) fn together(mut faults: Vec<String>) -> String {
    let all = faults.len();
    faults.truncate(MOST);
    if all > MOST {
        faults.push(format!("and {} more", all - MOST));
    }
    faults.join("; ")
}

/// Reads an event. Python writes numbers that JSON does not have, for `.inf` and `.nan` in a file.
pub(super) fn event(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| {
        let from = error.column().saturating_sub(2).min(bytes.len());
        let around = bytes.get(from..).unwrap_or_default();
        let around = String::from_utf8_lossy(around.get(..12).unwrap_or(around));
        if around.contains("Infinity") || around.contains("NaN") {
            let number = "a number of the manifest is .inf or .nan: write a finite one";
            return format!("{number} ({error})");
        }
        format!("the event is not JSON: {error}")
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

    // The command of the Python library sends what its JSON writer makes of `.inf`.
    #[test]
    fn a_number_that_json_does_not_have_is_told() {
        for number in ["Infinity", "-Infinity", "NaN"] {
            let text = format!("{{\"manifest\": {{\"capacity\": {number}, \"soft\": true}}}}");
            let problem = event(text.as_bytes()).unwrap_err();
            assert!(problem.contains("write a finite one"), "{problem}");
        }
        let problem = event(b"{\"NaN\": 1, \"a\": }").unwrap_err();
        assert!(problem.starts_with("the event is not JSON"), "{problem}");
        assert_eq!(event(b"{\"a\": 1}"), Ok(json!({"a": 1})));
    }

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
