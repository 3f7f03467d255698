//! Prints plans.

use std::{collections::BTreeSet, io};

use serde::Serialize;
use serde_json::Value;
use tollgate_ops::limits::{Difference, OwedFanOut, Plan, PlannedChange};

use crate::{
    output::{Format, Output, Row},
    time,
};

/// The number of unmanaged configs, and of writes of buckets that are owed, that are named.
const MOST_NAMED: usize = 10;

/// Prints the changes of a plan and their values. Programs get the whole plan.
pub(super) fn plan(out: &mut Output, plan: &Plan) -> io::Result<()> {
    if out.format() == Format::Csv {
        let mut rows = out.rows();
        for change in &plan.changes {
            for difference in &change.differences {
                rows.push(&DifferenceRow::new(change, difference))?;
            }
        }
        for owed in &plan.owed {
            rows.push(&DifferenceRow::owed(owed))?;
        }
        return rows.finish().map(|_| ());
    }
    out.value(plan)?;
    for planned in &plan.changes {
        change(out, planned)?;
    }
    Ok(())
}

/// Prints a change, and below it its values.
pub(super) fn change(out: &mut Output, change: &PlannedChange) -> io::Result<()> {
    let note = if change.managed {
        ""
    } else {
        " (stored, but not by a manifest)"
    };
    out.line(format!("  {change}{note}"))?;
    for Difference {
        field, old, new, ..
    } in &change.differences
    {
        out.line(match (old, new) {
            (Value::Null, new) => format!("      {field}: {}", value(new)),
            (old, Value::Null) => format!("      {field}: {} → none", value(old)),
            (old, new) => format!("      {field}: {} → {}", value(old), value(new)),
        })?;
    }
    Ok(())
}

/// Prints what an apply adopts, and what it leaves alone.
pub(super) fn rest(out: &mut Output, plan: &Plan) -> io::Result<()> {
    if plan.adopted > 0 {
        out.line(format!(
            "Adopted: {} as declared, and managed from the next apply on",
            count(plan.adopted, "config is", "configs are")
        ))?;
    }
    if !plan.unmanaged.is_empty() {
        let named = plan.unmanaged.iter().take(MOST_NAMED).cloned();
        let mut named = named.collect::<Vec<_>>().join(", ");
        if let Some(more @ 1..) = plan.unmanaged.len().checked_sub(MOST_NAMED) {
            named += &format!(" and {more} more");
        }
        out.line(format!("Unmanaged, left alone: {named}"))?;
    }
    Ok(())
}

/// Prints the buckets that earlier applies did not come to.
pub(super) fn owed(out: &mut Output, works: &[OwedFanOut]) -> io::Result<()> {
    for owed in works.iter().take(MOST_NAMED) {
        let until = match owed.held_until {
            Some(until) => format!("left to another apply until {}", time::of_millis(until)),
            None => "the next apply writes them".to_owned(),
        };
        out.line(format!(
            "Owed: buckets of {} ({}): {until}",
            owed.scope, owed.kind
        ))?;
    }
    if let Some(more @ 1..) = works.len().checked_sub(MOST_NAMED) {
        out.line(format!("Owed: and {more} more"))?;
    }
    Ok(())
}

/// Tells that a full apply is not done again, but finished.
pub(super) fn resumed(out: &mut Output, plan: &Plan) -> io::Result<()> {
    if plan.resumed {
        out.line(
            "Resumed: the full apply before this one was interrupted, and only its rest is written",
        )?;
    }
    Ok(())
}

/// Returns the number of configs whose buckets are owed: `buckets of 2 configs`. Returns `None` if
/// there are none.
pub(super) fn owed_count(works: &[OwedFanOut]) -> Option<String> {
    let scopes: BTreeSet<_> = works.iter().map(|owed| &owed.scope).collect();
    let configs = count(scopes.len(), "config", "configs");
    (!scopes.is_empty()).then(|| format!("buckets of {configs}"))
}

/// Returns a number and its noun.
pub(super) fn count(count: usize, one: &str, many: &str) -> String {
    let noun = if count == 1 { one } else { many };
    format!("{count} {noun}")
}

/// Writes a value in one line: `capacity 5, refill_amount 5`.
fn value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, of)| format!("{name} {}", self::value(of)));
            fields.collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(self::value).collect();
            format!("[{}]", items.join("; "))
        }
        other => other.to_string(),
    }
}

/// A value that changes, as a row.
#[derive(Debug, Serialize)]
struct DifferenceRow {
    action: String,
    target: String,
    field: String,
    old: String,
    new: String,
}

impl DifferenceRow {
    fn new(change: &PlannedChange, difference: &Difference) -> Self {
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let action = serde_json::to_value(change.action).unwrap_or_default();
        let level = change.level;
        Self {
            action: text(&action),
            target: match &change.target {
                Some(target) => format!("{level}:{target}"),
                None => level.to_owned(),
            },
            field: difference.field.clone(),
            old: text(&difference.old),
            new: text(&difference.new),
        }
    }
}

impl DifferenceRow {
    /// Returns the row of buckets that are owed: `new` is the time until which another apply has
    /// them.
    fn owed(owed: &OwedFanOut) -> Self {
        Self {
            action: "owed".to_owned(),
            target: match owed.scope.split_once(": ") {
                Some((level, target)) => format!("{level}:{target}"),
                None => "system".to_owned(),
            },
            field: owed.kind.clone(),
            old: String::new(),
            new: owed.held_until.map_or_else(String::new, time::of_millis),
        }
    }
}

impl Row for DifferenceRow {
    const COLUMNS: &'static [&'static str] = &["action", "target", "field", "old", "new"];

    fn cells(&self) -> Vec<String> {
        let Self {
            action,
            target,
            field,
            old,
            new,
        } = self;
        [action, target, field, old, new]
            .map(String::clone)
            .to_vec()
    }
}
