//! Differences of two configs: old and new values.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};
use tollgate::model::StoredConfig;

/// A value that differs between the table and the manifest.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The value: `limits.rpm` for a limit that is new or goes, `limits.rpm.capacity`, `disabled`.
    pub field: String,
    /// The stored value; `null` if there is none.
    pub old: Value,
    /// The value of the manifest; `null` if there is none.
    pub new: Value,
}

/// Returns the differences of two configs, by field.
pub(super) fn differences(old: &StoredConfig, new: &StoredConfig) -> Vec<Difference> {
    let mut found = Vec::new();
    let (old_flags, new_flags) = (flags(old), flags(new));
    compare("", &old_flags, &new_flags, &mut found);
    let (old_limits, new_limits) = (limits(old), limits(new));
    let names: BTreeSet<_> = old_limits.keys().chain(new_limits.keys()).collect();
    for name in names {
        let field = format!("limits.{name}");
        match (old_limits.get(name), new_limits.get(name)) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                compare(&format!("{field}."), old, new, &mut found);
            }
            (old, new) => found.push(Difference {
                field,
                old: old.cloned().unwrap_or_default(),
                new: new.cloned().unwrap_or_default(),
            }),
        }
    }
    found
}

/// Adds the fields that differ.
fn compare(
    prefix: &str,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    found: &mut Vec<Difference>,
) {
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    for name in names {
        let (old, new) = (old.get(name), new.get(name));
        if old != new {
            found.push(Difference {
                field: format!("{prefix}{name}"),
                old: old.cloned().unwrap_or_default(),
                new: new.cloned().unwrap_or_default(),
            });
        }
    }
}

/// Returns everything of a config but its limits, and without what is not set.
fn flags(config: &StoredConfig) -> Map<String, Value> {
    let mut fields = fields(config);
    fields.remove("limits");
    fields.retain(|_, value| !value.is_null());
    fields
}

/// Returns the limits of a config by name.
fn limits(config: &StoredConfig) -> Map<String, Value> {
    let limits = config.limits.iter().map(|limit| {
        let mut fields = fields(limit);
        fields.remove("name");
        if limit.is_quota() {
            fields.remove("refill_amount");
            fields.remove("refill_period_seconds");
        } else {
            // Stored periods are whole seconds.
            let period = limit.refill_period().as_secs();
            fields.insert("refill_period_seconds".into(), period.into());
        }
        (limit.name().to_string(), Value::Object(fields))
    });
    limits.collect()
}

fn fields(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tollgate::{Limit, model::Access};

    use super::*;

    #[test]
    fn values_that_differ_are_told_with_both() {
        let old = StoredConfig::new([Limit::per_minute("rpm", 10), Limit::per_day("rpd", 5)]);
        let new = StoredConfig::new([
            Limit::per_minute("rpm", 20).soft(),
            Limit::quota("daily", 9).daily("UTC").unwrap(),
        ]);
        let new = new.with_access(Access::Bypassed);
        let found: Vec<_> = differences(&old, &new)
            .into_iter()
            .map(|difference| (difference.field, difference.old, difference.new))
            .collect();
        let daily = json!({"capacity": 9, "reset_schedule": [{"cron": "0 0 * * *", "tz": "UTC"}]});
        let rpd = json!({"capacity": 5, "refill_amount": 5, "refill_period_seconds": 86400});
        let expected = [
            ("disabled", Value::Null, json!("bypass")),
            ("limits.daily", Value::Null, daily),
            ("limits.rpd", rpd, Value::Null),
            ("limits.rpm.capacity", json!(10), json!(20)),
            ("limits.rpm.refill_amount", json!(10), json!(20)),
            ("limits.rpm.soft", Value::Null, json!(true)),
        ];
        assert_eq!(
            found,
            expected.map(|(field, old, new)| (field.to_owned(), old, new))
        );
        assert_eq!(differences(&old, &old), []);
    }
}
