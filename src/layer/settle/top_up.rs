//! More tokens for bodies that use more than was charged.

use bytes::Bytes;

/// Acquires more tokens while a response's body streams, if it uses more than its lease holds.
///
/// Without this rule, the difference is settled when the body ends, and the bucket may go into
/// debt. With this rule, the layer acquires more tokens as soon as a rule that counts [as the body
/// streams](super::Settle) finds more than the lease holds. The acquire runs concurrently with the
/// body, and never delays it.
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
/// One round trip for each step, and one write unit for each step and bucket.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until a policy has it"]
pub struct TopUp {
    pub(crate) step: u64,
    pub(crate) ending: Option<StreamEnding>,
}

/// The way in which a stream is ended.
#[derive(Clone, Debug)]
pub(crate) struct StreamEnding {
    /// The last event. `None` for a default event that names the limit.
    pub(crate) event: Option<Bytes>,
}

impl TopUp {
    /// Acquires `tokens` at a time, or all that is lacking if that is more. If the bucket does not
    /// have them, the body goes on, and the difference becomes debt.
    pub fn steps(tokens: u64) -> Self {
        Self {
            step: tokens.max(1),
            ending: None,
        }
    }

    /// Ends the stream if the bucket does not have the tokens that are lacking. The inner body is
    /// dropped, and what was used until then is charged.
    ///
    /// A body of server-sent events ends after the current event, with one more. With the dialect
    /// [`OpenAi`](crate::layer::OpenAi), it is `data: {"error":{…}}`, as OpenAI's API ends its
    /// streams. Otherwise:
    ///
    /// ```text
    /// event: error
    /// data: {"type":"error","error":{"type":"rate_limit_error","message":"The limit tpm is reached."}}
    /// ```
    ///
    /// A gRPC body ends with trailers that contain `RESOURCE_EXHAUSTED`. All other bodies, and
    /// those with a length or a `content-encoding`, are not ended, because they cannot tell clients
    /// that they are incomplete. If the store does not answer, no body is ended.
    pub fn end_stream(self) -> Self {
        Self {
            ending: Some(StreamEnding { event: None }),
            ..self
        }
    }

    /// Ends the stream like [`end_stream`](Self::end_stream), but with `event` as the last of the
    /// server-sent events. The event must consist of whole lines, with an empty line at the end.
    pub fn end_stream_with(self, event: impl Into<Bytes>) -> Self {
        Self {
            ending: Some(StreamEnding {
                event: Some(event.into()),
            }),
            ..self
        }
    }
}
