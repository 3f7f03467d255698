//! The connections of a table's stream to the stack's aggregator function, as Lambda knows them.

use aws_config::SdkConfig;
use tollgate_ops::functions::{EventSourceState, StreamSource, StreamSources, is_denied};

use crate::{connect::DEADLINE, place};

/// The answer of Lambda.
#[derive(Debug)]
pub(super) struct FunctionStream {
    pub(super) function: String,
    pub(super) found: Found,
}

/// The connections, or the reason why they are not known.
#[derive(Debug)]
pub(super) enum Found {
    /// The connections of the table's stream to the function.
    Sources(Vec<StreamSource>),
    /// The right to list them lacks.
    Denied,
    /// Another reason.
    Unknown(String),
}

impl FunctionStream {
    /// Asks Lambda for the connections of a function to the stream of `table`.
    pub(super) async fn read(config: &SdkConfig, table: &str, function: &str) -> Self {
        Self {
            function: function.to_owned(),
            found: find(config, table, function).await,
        }
    }

    /// Returns the connection that says most: one that is not enabled, else one whose last batch
    /// failed, else the first. `None` if there is none, or none is known.
    pub(super) fn source(&self) -> Option<&StreamSource> {
        let Found::Sources(sources) = &self.found else {
            return None;
        };
        let not_enabled = |source: &&StreamSource| source.state != EventSourceState::Enabled;
        let failed = |source: &&StreamSource| source.last_problem().is_some();
        let mut all = sources.iter();
        let found = all.find(not_enabled);
        found
            .or_else(|| sources.iter().find(failed))
            .or_else(|| sources.first())
    }

    /// Returns true if the function gets the records of the stream.
    pub(super) fn is_enabled(&self) -> bool {
        let source = self.source();
        source.is_some_and(|source| source.state == EventSourceState::Enabled)
    }
}

async fn find(config: &SdkConfig, table: &str, function: &str) -> Found {
    if let Err(problem) = place::same_kind(config, "Lambda") {
        return Found::Unknown(problem);
    }
    let sources = StreamSources::new(config);
    let listed = tokio::time::timeout(DEADLINE, sources.of_function(function)).await;
    match listed {
        Ok(Ok(mut sources)) => {
            let part = format!(":table/{table}/stream/");
            sources.retain(|source| source.event_source_arn.contains(&part));
            Found::Sources(sources)
        }
        Ok(Err(error)) if is_denied(&error) => Found::Denied,
        Ok(Err(error)) => Found::Unknown(error.to_string()),
        Err(_) => Found::Unknown("Lambda did not answer in time".to_owned()),
    }
}
