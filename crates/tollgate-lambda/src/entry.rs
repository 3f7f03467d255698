//! The start of a function's process.

use std::{env, process::ExitCode};

use serde_json::json;
use tokio::runtime::Builder;

use crate::{
    aggregator::AggregatorFunction,
    failure::Failure,
    log::{self, Level},
    runtime::{RuntimeApi, serve},
};

/// The variable with the address of the Runtime API. Lambda sets it, and nothing else does.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// The variable with the name of the handler.
const HANDLER: &str = "_HANDLER";

/// Returns true if this process runs as a function.
pub fn is_function() -> bool {
    env::var_os(RUNTIME_API).is_some()
}

/// Serves the handler that the variable `_HANDLER` names. Ends only after a failure: if the handler
/// cannot start, Lambda is told why.
pub fn run() -> ExitCode {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let fields = json!({ "error": error.to_string() });
            log::line(Level::Error, "the function cannot start", fields);
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(start())
}

async fn start() -> ExitCode {
    let api = RuntimeApi::new(env::var(RUNTIME_API).unwrap_or_default());
    let handler = env::var(HANDLER).unwrap_or_default();
    let started = match handler.as_str() {
        "aggregator" => AggregatorFunction::start().await,
        other => Err(Failure::new(
            "UnknownHandler",
            format!("there is no handler {other:?}: set aggregator as the function's handler"),
        )),
    };
    let error = match started {
        Ok(mut function) => match serve(&api, &mut function).await {
            Err(error) => error.to_string(),
        },
        Err(failure) => {
            let told = api.fail_to_start(&failure).await;
            told.err().map_or_else(
                || failure.to_string(),
                |error| format!("{failure}; and {error}"),
            )
        }
    };
    log::line(Level::Error, "the function ends", json!({ "error": error }));
    ExitCode::FAILURE
}
