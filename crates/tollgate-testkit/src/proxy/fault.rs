//! Faults: their effect, the requests that they apply to, and their number.

use std::time::{Duration, SystemTime};

use super::ErrorAnswer;

/// A fault that a [`Proxy`](super::Proxy) applies to requests.
///
/// The fault applies to every request until it is removed, unless it is limited to an operation
/// with [`on`](Self::on) or to a number of requests with [`times`](Self::times).
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
    /// The operation that the fault applies to; `None` for all.
    pub(super) operation: Option<String>,
    /// The number of times that the fault still applies; `None` for always.
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
    Date(SystemTime),
}

impl Fault {
    /// Closes the connection: a new one as soon as it is accepted, an open one when a request
    /// arrives on it. Nothing is forwarded.
    ///
    /// If the fault is limited to an operation, it closes the connection only after it has read the
    /// request.
    pub fn refuse() -> Self {
        Self::new(Effect::Refuse)
    }

    /// Reads the request and never answers. The connection stays open until the client gives up.
    /// Nothing is forwarded. A swallowed request stays swallowed if the fault is removed.
    pub fn black_hole() -> Self {
        Self::new(Effect::BlackHole)
    }

    /// Forwards the request after `delay`.
    ///
    /// The request arrives even if the client has given up in the meantime, as on a slow network.
    pub fn delay(delay: Duration) -> Self {
        Self::new(Effect::Delay(delay))
    }

    /// Forwards the request after half of `round_trip`, and passes on the answer after the other
    /// half, as a network with that latency does.
    ///
    /// The request arrives even if the client has given up in the meantime.
    pub fn distance(round_trip: Duration) -> Self {
        Self::new(Effect::Distance(round_trip / 2))
    }

    /// Forwards the request, waits for the whole answer, and closes the connection without passing
    /// it on. The write was done, but the client cannot know it.
    pub fn lose_response() -> Self {
        Self::new(Effect::LoseResponse)
    }

    /// Answers with an error, as the store would, without forwarding the request.
    pub fn answer(error: ErrorAnswer) -> Self {
        Self::new(Effect::Answer(error))
    }

    /// Forwards the request, waits for the whole answer, and answers with an error instead. The
    /// request was executed, although the error may say that it was not.
    pub fn replace_answer(error: ErrorAnswer) -> Self {
        Self::new(Effect::ReplaceAnswer(error))
    }

    /// Forwards the request, and dates the answer `time`, as a store does whose clock shows another
    /// time than this machine's.
    pub fn date(time: SystemTime) -> Self {
        Self::new(Effect::Date(time))
    }

    /// Applies the fault only to requests for `operation`, such as `"UpdateItem"`.
    pub fn on(mut self, operation: impl Into<String>) -> Self {
        self.operation = Some(operation.into());
        self
    }

    /// Applies the fault only to the next `requests` requests that it matches.
    pub fn times(mut self, requests: u64) -> Self {
        self.left = Some(requests);
        self
    }

    /// Applies the fault only to the next request that it matches.
    pub fn once(self) -> Self {
        self.times(1)
    }

    fn new(effect: Effect) -> Self {
        Self {
            effect,
            operation: None,
            left: None,
        }
    }
}
