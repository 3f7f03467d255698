//! Prints a plan.

use serde::Serialize;
use tollgate_aws::manager::{ParameterChange, Plan, Prepared, Replacement};

use super::target::Target;
use crate::{context::Context, failure::Failure, output::Row};

/// A change of a parameter, of a record of the table, or of a part of the stack.
#[derive(Debug, Serialize)]
struct ChangeRow {
    action: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    replacement: &'static str,
    old: Option<String>,
    new: Option<String>,
    properties: Vec<String>,
}

impl Row for ChangeRow {
    const COLUMNS: &'static [&'static str] = &[
        "Action",
        "Name",
        "Type",
        "Replacement",
        "Old",
        "New",
        "Properties",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.action.clone(),
            self.name.clone(),
            self.kind.clone(),
            self.replacement.to_owned(),
            self.old.clone().unwrap_or_default(),
            self.new.clone().unwrap_or_default(),
            self.properties.join(" "),
        ]
    }
}

/// Makes the plan of a deployment, prints it, and discards it.
pub(crate) async fn show_plan(
    context: &mut Context,
    target: &Target,
    prepared: &Prepared,
) -> Result<(), Failure> {
    let planned = target.read(target.manager.plan_of(prepared)).await?;
    let printed = print_plan(context, planned.as_ref(), prepared);
    if let Some(planned) = planned {
        target.read(target.manager.discard(planned)).await?;
    }
    printed
}

/// Prints a plan and the records that change with it: a line for each change, or rows.
pub(crate) fn print_plan(
    context: &mut Context,
    plan: Option<&Plan>,
    prepared: &Prepared,
) -> Result<(), Failure> {
    let records = prepared.record_changes();
    if context.out.is_text() {
        if plan.is_none() && records.is_empty() {
            return Ok(context.out.line("No changes.")?);
        }
        for change in &records {
            context.out.line(change.to_string())?;
        }
        let changes = plan.map(Plan::to_string).unwrap_or_default();
        for line in changes.lines() {
            context.out.line(line)?;
        }
        let count = plan.map_or(0, |plan| plan.resources.len());
        let is_new = plan.is_some_and(|plan| plan.is_new);
        let verb = if is_new { "create" } else { "change" };
        let records = match records.len() {
            0 => String::new(),
            count => format!(", and {count} record(s) of the table"),
        };
        context.out.line(format!(
            "Plan: {count} part(s) to {verb}{records}. Nothing was changed."
        ))?;
        return Ok(());
    }
    let mut rows = context.out.rows();
    for change in &records {
        rows.push(&ChangeRow::of_value(change, "Record"))?;
    }
    for row in plan.map(rows_of).unwrap_or_default() {
        rows.push(&row)?;
    }
    rows.finish()?;
    Ok(())
}

impl ChangeRow {
    /// Returns the row of a value that changes: a parameter, or a record of the table.
    fn of_value(change: &ParameterChange, kind: &str) -> Self {
        Self {
            action: "Modify".to_owned(),
            name: change.name.clone(),
            kind: kind.to_owned(),
            replacement: word(Replacement::No),
            old: change.old.clone(),
            new: Some(change.new.clone()),
            properties: Vec::new(),
        }
    }
}

fn rows_of(plan: &Plan) -> Vec<ChangeRow> {
    let parameters = plan.parameters.iter();
    let parameters = parameters.map(|change| ChangeRow::of_value(change, "Parameter"));
    let resources = plan.resources.iter().map(|change| ChangeRow {
        action: change.action.clone(),
        name: change.logical_id.clone(),
        kind: change.kind.clone(),
        replacement: word(change.replacement),
        old: None,
        new: None,
        properties: change.properties.clone(),
    });
    parameters.chain(resources).collect()
}

fn word(replacement: Replacement) -> &'static str {
    match replacement {
        Replacement::No => "no",
        Replacement::Possible => "possible",
        Replacement::Yes => "yes",
    }
}
