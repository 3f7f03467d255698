//! Estimates the tokens of a request from its body.

use serde_json::Value;

use super::Chat;

/// The tokens that an image of about a megapixel uses.
const IMAGE: u64 = 800;

/// The keys of a content part with an image, a sound or a document.
const MEDIA: [&str; 4] = ["image_url", "source", "input_audio", "file"];

/// Estimates the tokens of the prompt: messages, whose content is a text or a list of parts, and
/// tools.
pub(super) fn prompt(chat: &Chat) -> u64 {
    let messages = chat
        .get("messages")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let parts = messages.flat_map(|message| [&message["content"], &message["tool_calls"]]);
    parts
        .chain(chat.get("system"))
        .chain(chat.get("tools"))
        .map(of)
        .fold(0, u64::saturating_add)
}

/// Returns the maximum number of tokens of the answer, if the client gives one. If several fields
/// give one, the largest counts. The number is multiplied by the number of choices.
pub(super) fn longest_answer(chat: &Chat) -> Option<u64> {
    // `1e3` is a number too. The cast turns negative numbers to 0.
    let number = |name: &str| Some(chat.get(name)?.as_f64()? as u64);
    let most = ["max_completion_tokens", "max_tokens"]
        .into_iter()
        .filter_map(number)
        .max()?;
    Some(most.saturating_mul(number("n").unwrap_or(1).max(1)))
}

/// Estimates the tokens of all texts in `value`, about one for four bytes, and of its media.
fn of(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len().div_ceil(4) as u64,
        Value::Array(values) => values.iter().map(of).fold(0, u64::saturating_add),
        Value::Object(part) => {
            let media = MEDIA
                .iter()
                .filter(|name| part.contains_key(**name))
                .count() as u64
                * IMAGE;
            let texts = match part.get("text") {
                Some(text) => of(text),
                None if media > 0 => 0,
                None => part.values().map(of).fold(0, u64::saturating_add),
            };
            media.saturating_add(texts)
        }
        _ => 0,
    }
}
