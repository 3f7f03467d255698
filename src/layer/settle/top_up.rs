//! What becomes of streams that use more than they were charged for.

use bytes::Bytes;

/// What becomes of a response whose body turns out to use more than its lease holds.
///
/// Without one, the difference is settled when the body ends, and the bucket may go into debt. With
/// one, more is asked for as soon as a rule that counts [as the body streams](super::Settle) goes
/// beyond what the lease holds. The answer is awaited beside the body, which it never delays.
///
/// ```
/// use tollgate::{Limit, layer::{Policy, Settle, TopUp, keys}};
///
/// let policy = Policy::builder()
///     .entity(keys::header("x-api-key"))
///     .resource(keys::fixed("gpt-4"))
///     .limit(Limit::per_minute("tpm", 10_000))
///     .cost("tpm", 100)
///     .settle("tpm", Settle::events(|events| events))
///     .top_up(TopUp::steps(200).end_stream())
///     .build()?;
/// # Ok::<(), tollgate::layer::InvalidPolicy>(())
/// ```
///
/// # Cost
/// One round trip and one write unit a bucket for each step.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until a policy has it"]
pub struct TopUp {
    pub(in crate::layer) step: u64,
    pub(in crate::layer) ending: Option<Ending>,
}

/// How a stream is ended.
#[derive(Clone, Debug)]
pub(in crate::layer) struct Ending {
    /// `None` has one that names the limit.
    pub(in crate::layer) event: Option<Bytes>,
}

impl TopUp {
    /// Asks for `tokens` at a time, or for all that is lacking where that is more. Where the bucket
    /// does not have them the body goes on, and the difference becomes debt.
    pub fn steps(tokens: u64) -> Self {
        Self { step: tokens.max(1), ending: None }
    }

    /// Ends the stream where the bucket does not have what is lacking. The inner body is dropped,
    /// and what was used until then is charged.
    ///
    /// A body of server-sent events ends after the event at hand, with one more. With the dialect
    /// [`OpenAi`](crate::layer::OpenAi) it is `data: {"error":{…}}`, as OpenAI's API ends its streams. Otherwise:
    ///
    /// ```text
    /// event: error
    /// data: {"type":"error","error":{"type":"rate_limit_error","message":"The limit tpm is reached."}}
    /// ```
    ///
    /// A gRPC body ends with trailers that say `RESOURCE_EXHAUSTED`. Other bodies cannot tell their
    /// clients that they are cut short, nor can one with a length or a `content-encoding`: they are
    /// not ended. Nor is any where the store does not answer.
    pub fn end_stream(self) -> Self {
        Self { ending: Some(Ending { event: None }), ..self }
    }

    /// As [`end_stream`](Self::end_stream), with this as the last of server-sent events: whole
    /// lines, with an empty one at the end.
    pub fn end_stream_with(self, event: impl Into<Bytes>) -> Self {
        Self { ending: Some(Ending { event: Some(event.into()) }), ..self }
    }
}
