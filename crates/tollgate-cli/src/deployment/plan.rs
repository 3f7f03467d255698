//! Prints a plan.

use serde::Serialize;
use tollgate_aws::manager::{Plan, Replacement};

use crate::{context::Context, failure::Failure, output::Row};

/// A change of a parameter, or of a part of the stack.
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

/// Prints a plan: a line for each change, or rows.
pub(crate) fn print_plan(context: &mut Context, plan: Option<&Plan>) -> Result<(), Failure> {
    if context.out.is_text() {
        let Some(plan) = plan else {
            return Ok(context.out.line("No changes.")?);
        };
        for line in plan.to_string().lines() {
            context.out.line(line)?;
        }
        let count = plan.resources.len();
        let verb = if plan.is_new { "create" } else { "change" };
        context.out.line(format!(
            "Plan: {count} part(s) to {verb}. Nothing was changed."
        ))?;
        return Ok(());
    }
    let mut rows = context.out.rows();
    for row in plan.map(rows_of).unwrap_or_default() {
        rows.push(&row)?;
    }
    rows.finish()?;
    Ok(())
}

fn rows_of(plan: &Plan) -> Vec<ChangeRow> {
    let parameters = plan.parameters.iter().map(|change| ChangeRow {
        action: "Modify".to_owned(),
        name: change.name.clone(),
        kind: "Parameter".to_owned(),
        replacement: word(Replacement::No),
        old: change.old.clone(),
        new: Some(change.new.clone()),
        properties: Vec::new(),
    });
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
