//! A fake model. The model answers with one word for each token of the prompt, up to the maximum
//! length. A word is a token. If the request has tools, the model calls the first tool.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio_stream::wrappers::ReceiverStream;

use super::{Chat, api::Api, tokens};

/// Serves both APIs.
pub(crate) fn fake_model() -> Router {
    Router::new()
        .route(Api::OpenAi.path(), post(chat_completions))
        .route(Api::Anthropic.path(), post(messages))
}

/// An answer of the model.
struct Said {
    /// The name of the tool that it calls, if it calls one.
    tool: Option<String>,
    words: u64,
    prompt: u64,
}

impl Said {
    fn to(chat: &Chat) -> Option<Self> {
        let prompt = tokens::prompt(chat);
        if prompt == 0 {
            return None;
        }
        let tool = &chat.get("tools").unwrap_or(&Value::Null)[0];
        let tool = tool["function"]["name"]
            .as_str()
            .or(tool["name"].as_str())
            .map(str::to_owned);
        Some(Self {
            tool,
            words: prompt.min(tokens::longest_answer(chat).unwrap_or(prompt)),
            prompt,
        })
    }

    fn text(&self) -> String {
        vec!["word"; self.words as usize].join(" ")
    }
}

/// The arguments of the tool call.
const ARGUMENTS: &str = r#"{"city":"Paris"}"#;

fn is_streamed(chat: &Chat) -> bool {
    chat.get("stream") == Some(&Value::Bool(true))
}

async fn chat_completions(Json(chat): Json<Chat>) -> Response {
    let Some(said) = Said::to(&chat) else {
        return Api::OpenAi.error(StatusCode::BAD_REQUEST, "Say something.");
    };
    let total = said.prompt + said.words;
    let usage = json!({"prompt_tokens": said.prompt, "completion_tokens": said.words, "total_tokens": total});
    let document = |object: &str, choices: Value, usage: &Value| {
        let head = json!({"id": "chatcmpl-1", "created": 1_700_000_000, "model": "fake"});
        let mut document = json!({"object": object, "choices": choices, "usage": usage});
        document
            .as_object_mut()
            .expect("an object")
            .extend(head.as_object().expect("an object").clone());
        document
    };
    let reason = if said.tool.is_some() {
        "tool_calls"
    } else {
        "stop"
    };
    let call = |tool: &str| json!([{"index": 0, "id": "call_1", "type": "function", "function": {"name": tool, "arguments": ARGUMENTS}}]);
    if !is_streamed(&chat) {
        let message = match &said.tool {
            Some(tool) => json!({"role": "assistant", "content": null, "tool_calls": call(tool)}),
            None => json!({"role": "assistant", "content": said.text()}),
        };
        let choices = json!([{"index": 0, "message": message, "finish_reason": reason}]);
        return Json(document("chat.completion", choices, &usage)).into_response();
    }
    let chunk = |choices: Value, usage: &Value| {
        format!(
            "data: {}\n\n",
            document("chat.completion.chunk", choices, usage)
        )
    };
    let choice = |delta: Value, reason: Option<&str>| {
        chunk(
            json!([{"index": 0, "delta": delta, "finish_reason": reason}]),
            &Value::Null,
        )
    };
    let mut events = match &said.tool {
        Some(tool) => vec![choice(
            json!({"role": "assistant", "tool_calls": call(tool)}),
            None,
        )],
        None => vec![choice(json!({"content": "word "}), None); said.words as usize],
    };
    events.push(choice(json!({}), Some(reason)));
    if chat
        .get("stream_options")
        .is_some_and(|options| options["include_usage"] == true)
    {
        events.push(chunk(json!([]), &usage));
    }
    events.push("data: [DONE]\n\n".to_owned());
    stream(events)
}

async fn messages(Json(chat): Json<Chat>) -> Response {
    let Some(said) = Said::to(&chat) else {
        return Api::Anthropic.error(StatusCode::BAD_REQUEST, "Say something.");
    };
    let reason = if said.tool.is_some() {
        "tool_use"
    } else {
        "end_turn"
    };
    let message = |content: Value, reason: Option<&str>, output: u64| {
        json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "fake", "content": content,
            "stop_reason": reason, "stop_sequence": null,
            "usage": {"input_tokens": said.prompt, "output_tokens": output},
        })
    };
    if !is_streamed(&chat) {
        let input: Value = serde_json::from_str(ARGUMENTS).unwrap_or_default();
        let content = match &said.tool {
            Some(tool) => {
                json!([{"type": "tool_use", "id": "toolu_1", "name": tool, "input": input}])
            }
            None => json!([{"type": "text", "text": said.text()}]),
        };
        return Json(message(content, Some(reason), said.words)).into_response();
    }
    let event = |data: Value| {
        format!(
            "event: {}\ndata: {data}\n\n",
            data["type"].as_str().unwrap_or_default()
        )
    };
    let delta =
        |delta: Value| event(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    let (block, deltas) = match &said.tool {
        Some(tool) => (
            json!({"type": "tool_use", "id": "toolu_1", "name": tool, "input": {}}),
            vec![delta(
                json!({"type": "input_json_delta", "partial_json": ARGUMENTS}),
            )],
        ),
        None => (
            json!({"type": "text", "text": ""}),
            vec![delta(json!({"type": "text_delta", "text": "word "})); said.words as usize],
        ),
    };
    let mut events = vec![
        event(json!({"type": "message_start", "message": message(json!([]), None, 1)})),
        event(json!({"type": "content_block_start", "index": 0, "content_block": block})),
    ];
    events.extend(deltas);
    events.extend([
        event(json!({"type": "content_block_stop", "index": 0})),
        event(json!({
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": null},
            "usage": {"output_tokens": said.words},
        })),
        event(json!({"type": "message_stop"})),
    ]);
    stream(events)
}

fn stream(events: Vec<String>) -> Response {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        for event in events {
            // Sending fails if the client has disconnected or the gateway has ended the stream.
            // Then the model stops.
            if sender.send(Ok::<_, Infallible>(event)).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    (
        [(header::CONTENT_TYPE, "text/event-stream")],
        Body::from_stream(ReceiverStream::new(receiver)),
    )
        .into_response()
}
