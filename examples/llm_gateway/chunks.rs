//! Hides the usage in OpenAI streams whose clients did not ask for it.
//!
//! A stream reports its usage only on request, in a last chunk without choices. The gateway always
//! requests it. A client that did not request it does not expect such a chunk: its
//! `chunk.choices[0]` would fail.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, BodyDataStream, Bytes},
    response::Response,
};
use futures_core::Stream;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

use super::Chat;

/// Marks a response whose client did not ask for the usage.
#[derive(Clone, Copy)]
pub(crate) struct HideUsage;

/// The maximum length of an event. A longer one is passed on without being checked.
const LONGEST_EVENT: usize = 1 << 20;

/// Requests the usage of a stream. Returns `true` if the client has requested it, or if the
/// response is not a stream.
pub(super) fn ask_for_usage(chat: &mut Chat) -> bool {
    if chat.get("stream") != Some(&Value::Bool(true)) {
        return true;
    }
    let options = chat.entry("stream_options").or_insert(Value::Null);
    let asked = options["include_usage"] == true;
    match options {
        Value::Object(options) => drop(options.insert("include_usage".to_owned(), true.into())),
        options => *options = json!({"include_usage": true}),
    }
    asked
}

/// Removes the chunk with the usage from a stream whose client did not ask for it.
pub(crate) async fn as_asked(mut response: Response) -> Response {
    match response.extensions_mut().remove::<HideUsage>() {
        Some(HideUsage) => response.map(|body| {
            Body::from_stream(WithoutUsage {
                body: body.into_data_stream(),
                waiting: Vec::new(),
            })
        }),
        None => response,
    }
}

struct WithoutUsage {
    body: BodyDataStream,
    /// The beginning of an unfinished event.
    waiting: Vec<u8>,
}

impl Stream for WithoutUsage {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let passed = match ready!(Pin::new(&mut self.body).poll_next(context)) {
                Some(Ok(bytes)) => self.feed(&bytes),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None if self.waiting.is_empty() => return Poll::Ready(None),
                None => std::mem::take(&mut self.waiting),
            };
            if !passed.is_empty() {
                return Poll::Ready(Some(Ok(passed.into())));
            }
        }
    }
}

impl WithoutUsage {
    /// Returns the finished events, without the one that is hidden.
    fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.waiting.extend_from_slice(bytes);
        let mut passed = Vec::new();
        while let Some(end) = end_of_event(&self.waiting) {
            let rest = self.waiting.split_off(end);
            let event = std::mem::replace(&mut self.waiting, rest);
            if !is_usage(&event) {
                passed.extend(event);
            }
        }
        if self.waiting.len() > LONGEST_EVENT {
            passed.append(&mut self.waiting);
        }
        passed
    }
}

/// Returns the end of the first event, which is after an empty line.
fn end_of_event(bytes: &[u8]) -> Option<usize> {
    let ends = [&b"\n\n"[..], b"\r\n\r\n"];
    ends.into_iter()
        .filter_map(|end| Some(bytes.windows(end.len()).position(|at| at == end)? + end.len()))
        .min()
}

/// Returns `true` if the event has a usage and no choices.
fn is_usage(event: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Chunk {
        choices: Vec<IgnoredAny>,
        usage: Option<IgnoredAny>,
    }
    let data = event
        .trim_ascii()
        .strip_prefix(b"data:")
        .unwrap_or_default();
    serde_json::from_slice::<Chunk>(data)
        .is_ok_and(|chunk| chunk.choices.is_empty() && chunk.usage.is_some())
}
