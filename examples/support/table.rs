//! The table of the examples that need one: an embedded engine's, or yours.

use std::{env, error::Error};

use tollgate::RateLimiter;
use tollgate_testkit::Engine;

use super::support::Failure;

/// Names the table to use in place of the embedded engine's.
const ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";

/// Opens a limiter over the table that `AWS_ENDPOINT_URL_DYNAMODB` leads to. Without that variable the table lives in
/// an embedded engine, as long as the second value does.
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

/// Returns the first line of the innermost cause: those around it repeat it, and the SDK prints whole requests.
fn root_cause(error: &tollgate::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string().lines().next().unwrap_or_default().to_owned()
}
