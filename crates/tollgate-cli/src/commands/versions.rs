//! The version record of a stack, as the commands `version`, `check` and `status` print it.

use serde::Serialize;
use tollgate::model::{Status, VersionRecord};

use crate::{
    connect,
    context::Context,
    failure::Failure,
    output::{Row, or_dash},
};

/// The versions of this program and of a stack.
#[derive(Debug, Serialize)]
pub(super) struct Versions {
    client: &'static str,
    schema: Option<String>,
    stack_schema: Option<String>,
    lambda: Option<String>,
    min_client: Option<String>,
    status: Compatibility,
    problem: Option<String>,
}

/// The answer to the question if this program can work with a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Compatibility {
    Compatible,
    Incompatible,
    NotInitialized,
    /// The version record was not read.
    Unknown,
}

/// Returns the reason why the version record was not read, if it was not.
pub(super) fn unread(status: &Status) -> Option<&str> {
    // The table's description is something else, whose failure is no reason.
    let was_read = status.available && status.store.table.is_some();
    let problem = status.store.problem.as_deref();
    (!was_read).then(|| problem.unwrap_or("the stack does not answer"))
}

impl Versions {
    pub(super) fn new(status: &Status) -> Self {
        let record = status.store.version.as_ref();
        let field = |field: fn(&VersionRecord) -> &Option<String>| {
            record.and_then(|record| field(record).clone())
        };
        let problem = match status.compatibility() {
            Ok(()) => status.store.problem.clone(),
            Err(problem) => Some(problem.to_string()),
        };
        Self {
            client: env!("CARGO_PKG_VERSION"),
            schema: VersionRecord::ours(0).schema_version,
            stack_schema: field(|record| &record.schema_version),
            lambda: field(|record| &record.lambda_version),
            min_client: field(|record| &record.client_min_version),
            status: match (record, status.compatibility()) {
                (None, _) if unread(status).is_some() => Compatibility::Unknown,
                (None, _) => Compatibility::NotInitialized,
                (Some(_), Ok(())) => Compatibility::Compatible,
                (Some(_), Err(_)) => Compatibility::Incompatible,
            },
            problem,
        }
    }

    /// Prints the versions.
    ///
    /// # Errors
    /// [`Failure::Refused`] if this program cannot work with the stack, [`Failure::Aws`] if that is
    /// not known.
    pub(super) fn print(&self, context: &mut Context) -> Result<(), Failure> {
        context.out.record(self)?;
        let problem = self.problem.clone().unwrap_or_default();
        match self.status {
            Compatibility::Compatible => Ok(()),
            Compatibility::Incompatible => Err(Failure::Refused(format!(
                "the stack is incompatible: {problem}"
            ))),
            Compatibility::NotInitialized => Err(Failure::Refused(connect::unfinished(
                context.options.stack()?.as_str(),
            ))),
            Compatibility::Unknown => Err(Failure::Aws(format!(
                "the version of the stack is not known: {problem}"
            ))),
        }
    }
}

impl Row for Versions {
    const COLUMNS: &'static [&'static str] = &[
        "Client",
        "Schema",
        "Stack schema",
        "Lambda version",
        "Min client version",
        "Status",
    ];

    fn cells(&self) -> Vec<String> {
        let status = match self.status {
            Compatibility::Compatible => "COMPATIBLE",
            Compatibility::Incompatible => "INCOMPATIBLE",
            Compatibility::NotInitialized => "NOT INITIALIZED",
            Compatibility::Unknown => "UNKNOWN",
        };
        vec![
            self.client.to_owned(),
            or_dash(&self.schema),
            or_dash(&self.stack_schema),
            or_dash(&self.lambda),
            or_dash(&self.min_client),
            status.to_owned(),
        ]
    }
}
