//! Properties of a custom resource, as a manifest.
//!
//! CloudFormation makes texts of all values. They become numbers and truth values again, and the names
//! of the properties become those of the manifest. Everything else is checked as in a file.

use serde_json::{Map, Number, Value};

use super::text::together;

/// A property: its name, its name in the manifest, and its kind.
type Property = (&'static str, &'static str, Kind);

/// The kind of a property. An empty text counts as absent.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    /// A whole number.
    Whole,
    /// A finite number.
    Number,
    /// `true` or `false`, in any case.
    Flag,
    /// A flag, or `bypass`.
    Access,
    /// An object with these properties.
    Object(&'static [Property]),
    /// Objects with these properties, by name.
    Named(&'static [Property]),
    /// A list of objects with these properties.
    List(&'static [Property]),
}

const SCHEDULE: &[Property] = &[
    ("Cron", "cron", Kind::Text),
    ("Tz", "tz", Kind::Text),
    ("Scale", "scale", Kind::Number),
    ("Capacity", "capacity", Kind::Whole),
    ("RefillAmount", "refill_amount", Kind::Whole),
    ("RefillPeriodSeconds", "refill_period_seconds", Kind::Whole),
];

const RESET: &[Property] = &[("Cron", "cron", Kind::Text), ("Tz", "tz", Kind::Text)];

const LIMIT: &[Property] = &[
    ("Capacity", "capacity", Kind::Whole),
    ("RefillAmount", "refill_amount", Kind::Whole),
    ("RefillPeriod", "refill_period", Kind::Whole),
    ("ResetAfterSeconds", "reset_after_seconds", Kind::Whole),
    ("Soft", "soft", Kind::Flag),
    ("Schedule", "schedule", Kind::List(SCHEDULE)),
    ("ResetSchedule", "reset_schedule", Kind::List(RESET)),
];

const CONFIG: &[Property] = &[
    ("Limits", "limits", Kind::Named(LIMIT)),
    ("Disabled", "disabled", Kind::Access),
    ("Cascade", "cascade", Kind::Flag),
];

const SYSTEM: &[Property] = &[
    ("OnUnavailable", "on_unavailable", Kind::Text),
    ("Limits", "limits", Kind::Named(LIMIT)),
    // The manifest says why these are refused.
    ("Disabled", "disabled", Kind::Access),
    ("Cascade", "cascade", Kind::Flag),
];

const ENTITY: &[Property] = &[("Resources", "resources", Kind::Named(CONFIG))];

const MANIFEST: &[Property] = &[
    ("System", "system", Kind::Object(SYSTEM)),
    ("Resources", "resources", Kind::Named(CONFIG)),
    ("Entities", "entities", Kind::Named(ENTITY)),
];

/// The properties that are not part of the manifest.
const OTHERS: [&str; 6] = [
    "ServiceToken",
    "ServiceTimeout",
    "TableName",
    "NamespaceId",
    "Namespace",
    "FullApply",
];

/// Returns the manifest of a namespace that properties declare. The error names each property that is
/// wrong.
pub(super) fn manifest(namespace: &str, properties: &Map<String, Value>) -> Result<Value, String> {
    let declared = properties.iter();
    let declared = declared.filter(|(name, _)| !OTHERS.contains(&name.as_str()));
    let declared: Map<String, Value> = declared
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut faults = Vec::new();
    let mut manifest = object(&declared, MANIFEST, "", &mut faults);
    if !faults.is_empty() {
        return Err(together(faults));
    }
    manifest.insert("namespace".into(), namespace.into());
    Ok(manifest.into())
}

/// Returns true if the properties ask for everything to be written.
pub(super) fn full(properties: &Map<String, Value>) -> Result<bool, String> {
    let full = properties.get("FullApply").unwrap_or(&Value::Null);
    let mut faults = Vec::new();
    let full = read(full, Kind::Flag, "FullApply", &mut faults);
    if !faults.is_empty() {
        return Err(together(faults));
    }
    Ok(full.is_some_and(|full| full == Value::Bool(true)))
}

/// Reads an object. Adds its faults, each with its path.
fn object(
    fields: &Map<String, Value>,
    known: &[Property],
    path: &str,
    faults: &mut Vec<String>,
) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, value) in fields {
        let path = join(path, name);
        let Some((_, key, kind)) = known.iter().find(|(known, ..)| known == name) else {
            let names: Vec<&str> = known.iter().map(|(known, ..)| *known).collect();
            faults.push(format!(
                "{path} is unknown: it must be one of {}",
                names.join(", ")
            ));
            continue;
        };
        if let Some(value) = read(value, *kind, &path, faults) {
            object.insert((*key).to_owned(), value);
        }
    }
    object
}

/// Reads an object at a path, which may be something else.
fn object_of(value: &Value, known: &[Property], path: &str, faults: &mut Vec<String>) -> Value {
    let Some(fields) = value.as_object() else {
        faults.push(wrong(path, "an object", value));
        return Value::Null;
    };
    object(fields, known, path, faults).into()
}

/// Reads a value. Returns `None` if it is empty, or wrong: then it adds the fault.
fn read(value: &Value, kind: Kind, path: &str, faults: &mut Vec<String>) -> Option<Value> {
    if value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty()) {
        return None;
    }
    let text = || match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    };
    let flag = || match text()?.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    let (read, must): (Option<Value>, _) = match kind {
        Kind::Text => (text().map(Value::from), "a text"),
        Kind::Whole => {
            let number = text().and_then(|text| whole(&text));
            (number.map(Value::from), "a whole number")
        }
        Kind::Number => {
            let number = text().and_then(|text| text.parse::<f64>().ok());
            let number = number.and_then(Number::from_f64);
            (number.map(Value::from), "a number")
        }
        Kind::Flag => (flag().map(Value::from), "true or false"),
        Kind::Access => {
            let bypass = text().filter(|text| text.eq_ignore_ascii_case("bypass"));
            let access = flag().map(Value::from);
            let access = access.or_else(|| bypass.map(|_| "bypass".into()));
            (access, "true, false or bypass")
        }
        Kind::Object(known) => {
            let read = object_of(value, known, path, faults);
            let is_empty = read.as_object().is_none_or(Map::is_empty);
            return (!is_empty).then_some(read);
        }
        Kind::Named(known) => {
            let named = value.as_object().map(|named| {
                let named = named.iter().map(|(name, value)| {
                    let read = object_of(value, known, &join(path, name), faults);
                    (name.clone(), read)
                });
                Value::Object(named.collect())
            });
            (named, "an object")
        }
        Kind::List(known) => {
            let all = value.as_array().map(|all| {
                let all = all.iter().enumerate();
                let all = all.map(|(place, value)| {
                    object_of(value, known, &format!("{path}[{place}]"), faults)
                });
                Value::Array(all.collect())
            });
            (all, "a list")
        }
    };
    if read.is_none() {
        faults.push(wrong(path, must, value));
    }
    read
}

fn wrong(path: &str, must: &str, value: &Value) -> String {
    format!("{path} must be {must}, and is {value}")
}

/// Reads a whole number. CloudFormation turns large numbers of a template into texts like `1.0E10`.
fn whole(text: &str) -> Option<i64> {
    // Above it, not every whole number is a floating-point one.
    const HIGHEST: f64 = 9_007_199_254_740_992.0;
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        let is_whole = number.fract() == 0.0 && number.abs() <= HIGHEST;
        #[allow(clippy::cast_possible_truncation, reason = "it is whole, and in range")]
        is_whole.then_some(number as i64)
    })
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(properties: Value) -> Result<Value, String> {
        manifest("default", properties.as_object().unwrap())
    }

    #[test]
    fn texts_become_numbers_and_truth_values() {
        let read = read(json!({
            "ServiceToken": "arn", "TableName": "limits", "FullApply": "false",
            "System": {
                "OnUnavailable": "block",
                "Limits": {
                    "rpm": {"Capacity": "60", "RefillAmount": 30, "Soft": "True"},
                    "tpd": {"Capacity": "1.23456789012E11"},
                },
            },
            "Resources": {"gpt-4": {
                "Disabled": "Bypass", "Cascade": "",
                "Limits": {"day": {
                    "Capacity": "100",
                    "Schedule": [{"Cron": "0 0 * * *", "Scale": "0.5"}],
                    "ResetSchedule": [{"Cron": "0 0 * * *", "Tz": "UTC"}],
                }},
            }},
            "Entities": {"user-1": {"Resources": {"_default_": {"Disabled": "FALSE"}}}},
        }));
        assert_eq!(
            read.unwrap(),
            json!({
                "namespace": "default",
                "system": {
                    "on_unavailable": "block",
                    "limits": {
                        "rpm": {"capacity": 60, "refill_amount": 30, "soft": true},
                        "tpd": {"capacity": 123_456_789_012_i64},
                    },
                },
                "resources": {"gpt-4": {
                    "disabled": "bypass",
                    "limits": {"day": {
                        "capacity": 100,
                        "schedule": [{"cron": "0 0 * * *", "scale": 0.5}],
                        "reset_schedule": [{"cron": "0 0 * * *", "tz": "UTC"}],
                    }},
                }},
                "entities": {"user-1": {"resources": {"_default_": {"disabled": false}}}},
            })
        );
        assert_eq!(read_empty(), json!({ "namespace": "default" }));
    }

    fn read_empty() -> Value {
        read(json!({ "System": {}, "Namespace": "default" })).unwrap()
    }

    // An answer to CloudFormation is a deployment that failed: one fault for each of them is slow.
    #[test]
    fn the_error_names_each_property_that_is_wrong() {
        let problem = read(json!({
            "Resource": {},
            "Resources": {"api": {
                "Disabled": "maybe",
                "Limits": {"rpm": {"Capacity": "many", "Schedule": ["5"]}},
            }},
            "System": {"Limits": {"rpm": "5"}, "OnUnavailable": ["allow"]},
        }));
        let problem = problem.unwrap_err();
        for told in [
            "Resource is unknown",
            "Resources.api.Disabled must be true, false or bypass, and is \"maybe\"",
            "Resources.api.Limits.rpm.Capacity must be a whole number",
            "Resources.api.Limits.rpm.Schedule[0] must be an object",
            "System.Limits.rpm must be an object",
        ] {
            assert!(problem.contains(told), "{problem}");
        }
        assert!(problem.ends_with("; and 1 more"), "{problem}");
    }

    #[test]
    fn the_error_names_the_property() {
        let limit =
            |limit: Value| json!({ "Resources": { "api": { "Limits": { "rpm": limit } } } });
        for (properties, told) in [
            (
                limit(json!({"Capacity": "many"})),
                "Resources.api.Limits.rpm.Capacity must be a whole number",
            ),
            (limit(json!({"Capacity": "1.5"})), "whole number"),
            (limit(json!({"Capacity": "1.5E300"})), "whole number"),
            (
                limit(json!({"Capcity": "5"})),
                "Resources.api.Limits.rpm.Capcity is unknown",
            ),
            (limit(json!({"Soft": "yes"})), "Soft must be true or false"),
            (
                limit(json!({"Schedule": [{"Scale": "NaN"}]})),
                "Schedule[0].Scale must be a number",
            ),
            (limit(json!("5")), "rpm must be an object"),
            (json!({"Resource": {}}), "Resource is unknown"),
            (
                json!({"Resources": {"api": {"Disabled": "maybe"}}}),
                "true, false or bypass",
            ),
        ] {
            let problem = read(properties).unwrap_err();
            assert!(problem.contains(told), "{problem}");
        }
    }
}
