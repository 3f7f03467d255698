//! The table of the examples that need one: in an embedded engine, or your own.

use std::{env, error::Error};

use tollgate::RateLimiter;
use tollgate_testkit::Engine;

use super::support::Failure;

/// The variable with the endpoint of the table to use instead of the embedded engine.
const ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";

/// Opens a limiter for the table behind `AWS_ENDPOINT_URL_DYNAMODB`. Without that variable, the
/// table is in an embedded engine, which lives as long as the second returned value.
pub(crate) async fn open() -> Result<(RateLimiter, Option<Engine>), Failure> {
    if env::var_os(ENDPOINT).is_none() {
        let engine = Engine::start().await;
        let limiter = RateLimiter::open().client(engine.client()).await?;
        return Ok((limiter, Some(engine)));
    }
    match RateLimiter::open().await {
        Ok(limiter) => Ok((limiter, None)),
        Err(error) => Err(format!(
            "the table does not open ({}): {}. Check {ENDPOINT} (http://host:port), AWS_REGION and the AWS credentials; \
             without {ENDPOINT} an embedded engine is used",
            error.code().unwrap_or("no code"),
            root_cause(&error),
        )
        .into()),
    }
}

/// Returns the first line of the innermost cause: the outer errors repeat it, and the SDK prints
/// whole requests.
fn root_cause(error: &tollgate::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}
