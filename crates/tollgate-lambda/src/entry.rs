//! The start of a function's process.

use std::{env, process::ExitCode};

use serde_json::json;
use tokio::runtime::Builder;

use crate::{
    aggregator::AggregatorFunction,
    failure::Failure,
    log::{self, Level},
    provisioner::ProvisionerFunction,
    runtime::{Function, RuntimeApi, serve},
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
    let error = match handler.as_str() {
        "aggregator" => serve_started(&api, AggregatorFunction::start().await).await,
        "provisioner" => serve_started(&api, ProvisionerFunction::start().await).await,
        other => {
            let problem = format!(
                "there is no handler {other:?}: set aggregator or provisioner as the function's handler"
            );
            refuse(&api, &Failure::new("UnknownHandler", problem)).await
        }
    };
    log::line(Level::Error, "the function ends", json!({ "error": error }));
    ExitCode::FAILURE
}

/// Serves a function that has started. Returns the reason of its end.
async fn serve_started(api: &RuntimeApi, started: Result<impl Function, Failure>) -> String {
    match started {
        Ok(mut function) => match serve(api, &mut function).await {
            Err(error) => error.to_string(),
        },
        Err(failure) => refuse(api, &failure).await,
    }
}

/// Tells Lambda that the function cannot start. Returns the reason.
async fn refuse(api: &RuntimeApi, failure: &Failure) -> String {
    match api.fail_to_start(failure).await {
        Ok(()) => failure.to_string(),
        Err(error) => format!("{failure}; and {error}"),
    }
}
