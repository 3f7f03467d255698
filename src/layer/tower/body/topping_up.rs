//! Acquires more of a limit while the body streams.

use std::{
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::format::Format;
use crate::{
    error::Error,
    layer::{
        TopUp,
        headers::{AnthropicErrors, ErrorDialect, ErrorKind, ErrorShape},
        lease::lease_slot::{LeaseSlot, TopUpFuture},
        settle::{Settle, StreamEnding},
    },
    model::LimitName,
};

/// Acquires more of a limit while the body streams.
#[derive(Default)]
pub(super) struct ToppingUp {
    asking: Option<MoreTokens>,
    over: Option<Over>,
}

/// The reason why nothing more is asked for.
enum Over {
    /// The bucket does not have more of this limit.
    Denied(LimitName),
    /// There was no decision.
    Unanswered,
}

struct MoreTokens {
    limit: LimitName,
    tokens: u64,
    // The mutex makes the future `Sync`, like the rest of the body. The mutex is never locked, only
    // accessed by `get_mut`.
    more: Mutex<TopUpFuture>,
}

/// The last frame of a body that is ended early.
pub(super) enum Last {
    Event(Bytes),
    Trailers(Box<HeaderMap>),
}

impl ToppingUp {
    /// Asks for the tokens that the lease lacks, and takes what was granted.
    pub(super) fn poll(
        &mut self,
        rule: &TopUp,
        rules: &[(LimitName, Settle)],
        lease: &LeaseSlot,
        context: &mut Context<'_>,
    ) {
        while self.over.is_none() {
            let Some(asking) = &mut self.asking else {
                let lacking = rules
                    .iter()
                    .map(|(limit, _)| (limit, lease.overdraft(limit)));
                let Some((limit, lacking)) = lacking.into_iter().find(|(_, lacking)| *lacking > 0)
                else {
                    return;
                };
                // A step that is more than a full bucket holds would never be granted.
                let step = lease
                    .capacity(limit)
                    .map_or(rule.step, |capacity| rule.step.min(capacity));
                self.ask(limit.clone(), lacking.max(step), lease);
                continue;
            };
            let more = asking
                .more
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner);
            let Poll::Ready(answer) = more.as_mut().poll(context) else {
                return;
            };
            let Some(MoreTokens { limit, tokens, .. }) = self.asking.take() else {
                return;
            };
            match answer {
                Ok(more) => lease.absorb_used(&limit, more),
                Err(Error::Denied(_) | Error::ExceedsCapacity(_)) => {
                    match lease.overdraft(&limit) {
                        0 => {}
                        // The bucket may have less than a step, but enough for what is lacking.
                        lacking if lacking < tokens => self.ask(limit, lacking, lease),
                        _ => self.over = Some(Over::Denied(limit)),
                    }
                }
                Err(_) => self.over = Some(Over::Unanswered),
            }
        }
    }

    fn ask(&mut self, limit: LimitName, tokens: u64, lease: &LeaseSlot) {
        match lease.ask(0, &[(limit.as_str(), tokens)]) {
            // The request passed uncharged.
            Ok(None) => self.over = Some(Over::Unanswered),
            Ok(Some(more)) => {
                self.asking = Some(MoreTokens {
                    limit,
                    tokens,
                    more: Mutex::new(more),
                })
            }
            Err(Error::ExceedsCapacity(_)) => self.over = Some(Over::Denied(limit)),
            Err(_) => self.over = Some(Over::Unanswered),
        }
    }

    /// Returns the last frame of the body, if the body is to end and its format can express why.
    pub(super) fn last(
        &self,
        ending: &StreamEnding,
        format: Format,
        errors: Option<&ErrorDialect>,
    ) -> Option<Last> {
        let Some(Over::Denied(limit)) = &self.over else {
            return None;
        };
        match (format, &ending.event) {
            (Format::Events, Some(event)) => Some(Last::Event(event.clone())),
            (Format::Events, None) => Some(Last::Event(event(limit, errors).into())),
            (Format::Grpc, _) => Some(Last::Trailers(Box::new(trailers(limit)))),
            _ => None,
        }
    }
}

/// Returns an error in the shape of the policy's dialect. Without a dialect it has the shape of
/// Anthropic's errors, which OpenAI's clients also recognize as errors.
fn event(limit: &LimitName, errors: Option<&ErrorDialect>) -> Vec<u8> {
    let shape = errors.map_or(&ErrorShape::Anthropic(AnthropicErrors), |errors| {
        &errors.shape
    });
    shape.event(
        ErrorKind::RateLimit(Some(limit)),
        &format!("The limit {limit} is reached."),
    )
}

/// Returns trailers with the gRPC status `RESOURCE_EXHAUSTED`.
fn trailers(limit: &LimitName) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("8"));
    if let Ok(message) = HeaderValue::try_from(format!("The limit {limit} is reached.")) {
        trailers.insert("grpc-message", message);
    }
    trailers
}
