//! What can go wrong, with which requests, and how often.

use std::time::Duration;

use super::ErrorAnswer;

/// Something that goes wrong with requests on their way through a [`Proxy`](super::Proxy).
///
/// A fault strikes every request until it is taken away, unless it is limited to an operation with
/// [`on`](Self::on) or to a number of requests with [`times`](Self::times).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tollgate_testkit::{ErrorAnswer, Fault};
///
/// let late = Fault::delay(Duration::from_millis(20));
/// let lost = Fault::lose_response().on("UpdateItem").once();
/// let busy = Fault::answer(ErrorAnswer::throughput_exceeded()).on("UpdateItem").times(3);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a fault does nothing until a proxy has it"]
pub struct Fault {
    pub(super) effect: Effect,
    /// The operation that it strikes; all of them if `None`.
    pub(super) operation: Option<String>,
    /// How many more times it strikes; without end if `None`.
    pub(super) left: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) enum Effect {
    Refuse,
    BlackHole,
    Delay(Duration),
    Distance(Duration),
    LoseResponse,
    Answer(ErrorAnswer),
    ReplaceAnswer(ErrorAnswer),
}

impl Fault {
    /// Closes the connection: a new one as soon as it is accepted, an open one when a request arrives on
    /// it. Nothing is forwarded.
    ///
    /// Limited to an operation, it can only close a connection once it has seen the request.
    pub fn refuse() -> Self {
        Self::new(Effect::Refuse)
    }

    /// Reads the request and never answers; the connection stays open until the client gives up. Nothing
    /// is forwarded, and taking the fault away does not revive a request that it has swallowed.
    pub fn black_hole() -> Self {
        Self::new(Effect::BlackHole)
    }

    /// Forwards the request after `delay`.
    ///
    /// The request arrives even if the client has given up meanwhile, as it would on a slow network.
    pub fn delay(delay: Duration) -> Self {
        Self::new(Effect::Delay(delay))
    }

    /// Forwards the request after half of `round_trip`, and passes the answer on after the other half, as a
    /// network does that makes every request take so much longer.
    ///
    /// The request arrives even if the client has given up meanwhile.
    pub fn distance(round_trip: Duration) -> Self {
        Self::new(Effect::Distance(round_trip / 2))
    }

    /// Forwards the request, waits for the whole answer, and closes the connection without passing it on:
    /// the client cannot know whether its write happened, and it did.
    pub fn lose_response() -> Self {
        Self::new(Effect::LoseResponse)
    }

    /// Answers with an error, as the store would, without forwarding.
    pub fn answer(error: ErrorAnswer) -> Self {
        Self::new(Effect::Answer(error))
    }

    /// Forwards the request, waits for the whole answer, and answers with an error instead: what was asked for is
    /// done, and the client is told that it is not, or that nobody knows.
    pub fn replace_answer(error: ErrorAnswer) -> Self {
        Self::new(Effect::ReplaceAnswer(error))
    }

    /// Strikes only requests for `operation`, such as `"UpdateItem"`.
    pub fn on(mut self, operation: impl Into<String>) -> Self {
        self.operation = Some(operation.into());
        self
    }

    /// Strikes the next `requests` requests that it applies to, and then no more.
    pub fn times(mut self, requests: u64) -> Self {
        self.left = Some(requests);
        self
    }

    /// Strikes the next request that it applies to, and then no more.
    pub fn once(self) -> Self {
        self.times(1)
    }

    fn new(effect: Effect) -> Self {
        Self { effect, operation: None, left: None }
    }
}
