//! Properties of a custom resource, as a manifest.
//!
//! CloudFormation makes texts of all values. They become numbers and truth values again, and the names
//! of the properties become those of the manifest. Everything else is checked as in a file.

use serde_json::{Map, Number, Value};

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

/// Returns the manifest of a namespace that properties declare. The error names the property.
pub(super) fn manifest(namespace: &str, properties: &Map<String, Value>) -> Result<Value, String> {
    let declared = properties.iter();
    let declared = declared.filter(|(name, _)| !OTHERS.contains(&name.as_str()));
    let declared: Map<String, Value> = declared
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut manifest = object(&declared, MANIFEST, "")?;
    manifest.insert("namespace".into(), namespace.into());
    Ok(manifest.into())
}

/// Returns true if the properties ask for everything to be written.
pub(super) fn full(properties: &Map<String, Value>) -> Result<bool, String> {
    let full = properties.get("FullApply").unwrap_or(&Value::Null);
    let full = read(full, Kind::Flag, "FullApply")?;
    Ok(full.is_some_and(|full| full == Value::Bool(true)))
}

fn object(
    fields: &Map<String, Value>,
    known: &[Property],
    path: &str,
) -> Result<Map<String, Value>, String> {
    let mut object = Map::new();
    for (name, value) in fields {
        let path = join(path, name);
        let Some((_, key, kind)) = known.iter().find(|(known, ..)| known == name) else {
            let names: Vec<&str> = known.iter().map(|(known, ..)| *known).collect();
            return Err(format!(
                "{path} is unknown: it must be one of {}",
                names.join(", ")
            ));
        };
        if let Some(value) = read(value, *kind, &path)? {
            object.insert((*key).to_owned(), value);
        }
    }
    Ok(object)
}

/// Reads a value. Returns `None` if it is empty.
fn read(value: &Value, kind: Kind, path: &str) -> Result<Option<Value>, String> {
    if value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty()) {
        return Ok(None);
    }
    let wrong = |must: &str| format!("{path} must be {must}, and is {value}");
    let text = || match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    };
    let fields = |value: &Value, path: &str| {
        let fields = value.as_object().cloned();
        fields.ok_or_else(|| format!("{path} must be an object, and is {value}"))
    };
    let flag = || match text()?.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    Ok(Some(match kind {
        Kind::Text => text().ok_or_else(|| wrong("a text"))?.into(),
        Kind::Whole => {
            let number = text().and_then(|text| whole(&text));
            number.ok_or_else(|| wrong("a whole number"))?.into()
        }
        Kind::Number => {
            let number = text().and_then(|text| text.parse::<f64>().ok());
            let number = number.and_then(Number::from_f64);
            number.ok_or_else(|| wrong("a number"))?.into()
        }
        Kind::Flag => flag().ok_or_else(|| wrong("true or false"))?.into(),
        Kind::Access => match flag() {
            Some(flag) => flag.into(),
            None if text().is_some_and(|text| text.eq_ignore_ascii_case("bypass")) => {
                "bypass".into()
            }
            None => return Err(wrong("true, false or bypass")),
        },
        Kind::Object(known) => {
            let read = object(&fields(value, path)?, known, path)?;
            if read.is_empty() {
                return Ok(None);
            }
            read.into()
        }
        Kind::Named(known) => {
            let named = fields(value, path)?;
            let named = named.iter().map(|(name, value)| {
                let path = join(path, name);
                let read = object(&fields(value, &path)?, known, &path)?;
                Ok((name.clone(), read.into()))
            });
            Value::Object(named.collect::<Result<_, String>>()?)
        }
        Kind::List(known) => {
            let all = value.as_array().ok_or_else(|| wrong("a list"))?;
            let all = all.iter().enumerate().map(|(place, value)| {
                let path = format!("{path}[{place}]");
                let read = object(&fields(value, &path)?, known, &path)?;
                Ok(read.into())
            });
            Value::Array(all.collect::<Result<_, String>>()?)
        }
    }))
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
