//! `tollgate list`

use clap::Args;
use serde::Serialize;
use tollgate_aws::manager::{LimiterInfo, list_deployed};

use crate::{
    context::Context,
    deployment::{configuration, failure},
    failure::Failure,
    output::{Row, or_dash},
    place::place,
    time::rfc3339,
};

/// Lists the stacks of a region, also those that the Python command made
///
/// One call for each page of CloudFormation's stacks.
#[derive(Debug, Args)]
pub(crate) struct List {}

/// A stack of the list.
#[derive(Debug, Serialize)]
struct StackRow {
    name: String,
    status: String,
    version: Option<String>,
    lambda_version: Option<String>,
    schema_version: Option<String>,
    created: Option<String>,
    updated: Option<String>,
}

impl StackRow {
    fn new(info: &LimiterInfo) -> Self {
        Self {
            name: info.user_name.clone(),
            status: info.stack_status.clone(),
            version: info.version.clone(),
            lambda_version: info.lambda_version.clone(),
            schema_version: info.schema_version.clone(),
            created: info.creation_time.map(rfc3339),
            updated: info.last_updated_time.map(rfc3339),
        }
    }
}

impl Row for StackRow {
    const COLUMNS: &'static [&'static str] = &[
        "Name",
        "Status",
        "Version",
        "Lambda version",
        "Schema version",
        "Created",
        "Updated",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.status.clone(),
            or_dash(&self.version),
            or_dash(&self.lambda_version),
            or_dash(&self.schema_version),
            or_dash(&self.created),
            or_dash(&self.updated),
        ]
    }
}

impl List {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let config = configuration(context).await?;
        let listed = list_deployed(&config).await;
        let mut stacks = listed.map_err(|error| failure(error, &config))?;
        stacks.retain(|stack| stack.stack_type == "limiter");
        if stacks.is_empty() {
            context.out.line(format!(
                "There is no stack {}: `tollgate deploy --name NAME` makes one",
                place(&config)
            ))?;
            if context.out.is_text() {
                return Ok(());
            }
        }
        let mut rows = context.out.rows();
        for stack in &stacks {
            rows.push(&StackRow::new(stack))?;
        }
        rows.finish()?;
        let count =
            |counts: fn(&LimiterInfo) -> bool| stacks.iter().filter(|stack| counts(stack)).count();
        context
            .out
            .line(format!("Total: {} stack(s)", stacks.len()))?;
        for (count, what) in [
            (count(LimiterInfo::is_failed), "failed"),
            (count(LimiterInfo::is_in_progress), "in progress"),
        ] {
            if count > 0 {
                context.out.line(format!("  {count} {what}"))?;
            }
        }
        Ok(())
    }
}
