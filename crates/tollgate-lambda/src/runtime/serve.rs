//! The loop of a function.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hyper::body::Bytes;
use serde_json::Value;

use super::api::{RuntimeApi, RuntimeError};
use crate::failure::Failure;

/// The time for an answer to reach Lambda, before Lambda stops the function.
const MARGIN: Duration = Duration::from_millis(500);

/// The time for an event without a deadline. Lambda always gives one.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(60);

/// An event, and the time until which it must be answered.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) id: String,
    pub(crate) event: Bytes,
    pub(crate) deadline: Instant,
}

/// A function: handles one event after the other.
pub(crate) trait Function {
    /// Handles an event, and returns the answer.
    async fn handle(&mut self, invocation: Invocation) -> Result<Value, Failure>;
}

/// Handles events until the Runtime API fails. Lambda then starts the function again.
pub(crate) async fn serve(
    api: &RuntimeApi,
    function: &mut impl Function,
) -> Result<std::convert::Infallible, RuntimeError> {
    loop {
        let received = api.next().await?;
        let invocation = Invocation {
            id: received.id.clone(),
            event: received.body,
            deadline: until(received.deadline),
        };
        let result = function.handle(invocation).await;
        match result {
            Ok(answer) => api.respond(&received.id, &answer).await?,
            Err(failure) => api.fail(&received.id, &failure).await?,
        }
    }
}

/// Returns the time at which an answer must be ready. `deadline` is since 1970.
fn until(deadline: Option<Duration>) -> Instant {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let left = match (deadline, now) {
        (Some(deadline), Ok(now)) => deadline.saturating_sub(now),
        _ => WITHOUT_DEADLINE,
    };
    Instant::now() + left.saturating_sub(MARGIN.min(left / 4))
}
