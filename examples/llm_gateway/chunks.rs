//! Streams of OpenAI's API as their clients asked for them.
//!
//! A stream says what it used only if it is asked to, in a last chunk without choices. The gateway always asks. Clients that
//! did not ask do not expect such a chunk: `chunk.choices[0]` fails.

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

/// Marks an answer whose client did not ask for its usage.
#[derive(Clone, Copy)]
pub(crate) struct HideUsage;

/// An event that is longer is passed on unread.
const LONGEST_EVENT: usize = 1 << 20;

/// Asks for the usage of a stream. Returns whether the client has asked for it, or the answer is no stream.
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

/// Takes the chunk with the usage out of a stream whose client did not ask for it.
pub(crate) async fn as_asked(mut response: Response) -> Response {
    match response.extensions_mut().remove::<HideUsage>() {
        Some(HideUsage) => {
            response.map(|body| Body::from_stream(WithoutUsage { body: body.into_data_stream(), waiting: Vec::new() }))
        }
        None => response,
    }
}

struct WithoutUsage {
    body: BodyDataStream,
    /// The beginning of an event.
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
    /// Returns the events that have come to their end, without the one that is hidden.
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

/// Returns where the first event ends: behind an empty line.
fn end_of_event(bytes: &[u8]) -> Option<usize> {
    let ends = [&b"\n\n"[..], b"\r\n\r\n"];
    ends.into_iter().filter_map(|end| Some(bytes.windows(end.len()).position(|at| at == end)? + end.len())).min()
}

/// Returns true if it has usage, and no choices.
fn is_usage(event: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Chunk {
        choices: Vec<IgnoredAny>,
        usage: Option<IgnoredAny>,
    }
    let data = event.trim_ascii().strip_prefix(b"data:").unwrap_or_default();
    serde_json::from_slice::<Chunk>(data).is_ok_and(|chunk| chunk.choices.is_empty() && chunk.usage.is_some())
}
