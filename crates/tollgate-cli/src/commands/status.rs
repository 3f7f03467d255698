//! `tollgate status`

use clap::Args;
use serde::Serialize;
use tollgate::model::Status as StackStatus;

use super::stack_part::{StackPart, enabled};
use crate::{
    context::Context,
    failure::Failure,
    output::{Row, or_dash},
};

/// Shows if the stack answers, its table, its versions, and the parts that CloudFormation knows
#[derive(Debug, Args)]
pub(crate) struct Status {}

/// The status of a stack.
#[derive(Debug, Serialize)]
struct StatusRecord {
    stack: String,
    available: bool,
    latency_ms: Option<f64>,
    region: Option<String>,
    table_status: Option<String>,
    table_item_count: Option<u64>,
    table_size_bytes: Option<u64>,
    client_version: &'static str,
    schema_version: Option<String>,
    lambda_version: Option<String>,
    #[serde(flatten)]
    part: StackPart,
    problem: Option<String>,
}

impl StatusRecord {
    fn new(stack: String, status: StackStatus, part: StackPart) -> Self {
        let (schema_version, lambda_version) = match status.store.version {
            Some(record) => (record.schema_version, record.lambda_version),
            None => (None, None),
        };
        Self {
            stack,
            available: status.available,
            latency_ms: status.latency.map(|latency| latency.as_secs_f64() * 1000.0),
            region: status.store.region,
            table_status: status.store.table_status,
            table_item_count: status.store.items,
            table_size_bytes: status.store.bytes,
            client_version: env!("CARGO_PKG_VERSION"),
            schema_version,
            lambda_version,
            part,
            problem: status.store.problem,
        }
    }
}

impl Row for StatusRecord {
    const COLUMNS: &'static [&'static str] = &[
        "Stack",
        "Available",
        "Latency",
        "Region",
        "Table",
        "Items (some hours old)",
        "Size (some hours old)",
        "Client version",
        "Schema version",
        "Lambda version",
        "Stack status",
        "Aggregator",
        "Provisioner",
        "App role",
        "Admin role",
        "Read-only role",
        "Problem",
    ];

    fn cells(&self) -> Vec<String> {
        let count = |count: Option<u64>, unit: &str| {
            count.map_or_else(|| "-".into(), |count| format!("{count}{unit}"))
        };
        let latency = self.latency_ms.map(|latency| format!("{latency:.1} ms"));
        vec![
            self.stack.clone(),
            if self.available { "yes" } else { "no" }.into(),
            or_dash(&latency),
            or_dash(&self.region),
            or_dash(&self.table_status),
            count(self.table_item_count, ""),
            count(self.table_size_bytes, " bytes"),
            self.client_version.to_owned(),
            or_dash(&self.schema_version),
            or_dash(&self.lambda_version),
            self.part.status(),
            self.part.aggregator(),
            enabled(self.part.provisioner),
            or_dash(&self.part.app_role_arn),
            or_dash(&self.part.admin_role_arn),
            or_dash(&self.part.readonly_role_arn),
            or_dash(&self.problem),
        ]
    }
}

impl Status {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = match context.open_stack().await {
            Err(Failure::NoStack(problem)) => return Err(without_table(context, problem).await),
            opened => opened?,
        };
        let (status, part) = tokio::join!(limiter.status(), StackPart::read(context));
        let (available, part) = (status.available, part?);
        let failed = part.failure().map(str::to_owned);
        let stack = context.options.stack()?.to_string();
        let record = StatusRecord::new(stack.clone(), status, part);
        context.out.record(&record)?;
        if !available {
            let problem = record.problem.unwrap_or_default();
            return Err(Failure::Aws(format!(
                "the stack does not answer: {problem}"
            )));
        }
        match failed {
            Some(status) => Err(Failure::Refused(format!(
                "the last operation on stack {stack} has failed: its status is {status}"
            ))),
            None => Ok(()),
        }
    }
}

/// Returns the error for a table that does not exist. Its CloudFormation stack may.
async fn without_table(context: &Context, problem: String) -> Failure {
    let part = StackPart::read(context).await.ok();
    Failure::NoStack(match part.and_then(|part| part.stack_status) {
        Some(status) => {
            format!(
                "{problem}; but CloudFormation has a stack of this name, whose status is {status}"
            )
        }
        None => problem,
    })
}
