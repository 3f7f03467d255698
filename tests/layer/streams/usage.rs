//! Settlement by the usage in the body.

use tollgate::layer::{Settle, Usage};

use super::{left_after, left_at_the_end};

const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";

/// A chat completion of OpenAI, streamed with `include_usage`.
const CHAT: &str = concat!(
    "data: {\"id\":\"c1\",\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":{\\\"total_tokens\\\":9}\"}}],\"usage\":null}\n\n",
    "data: {\"id\":\"c1\",\"choices\":[{\"delta\":{\"content\":\"ü😀\"}}],\"usage\":null}\n\n",
    "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":7,\"total_tokens\":27}}\n\n",
    "data: [DONE]\n\n",
);

/// A response of OpenAI's Responses API.
const RESPONSE: &str = concat!(
    "event: response.created\n",
    "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r1\",\"usage\":null}}\n\n",
    "event: response.output_text.delta\n",
    "data: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n",
    "event: response.completed\n",
    "data: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":20,",
    "\"input_tokens_details\":{\"cached_tokens\":3},\"output_tokens\":7,\"total_tokens\":27}}}\n\n",
);

/// A message of Anthropic.
const MESSAGE: &str = concat!(
    "event: message_start\n",
    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"content\":[],\"usage\":{\"input_tokens\":11,",
    "\"cache_creation_input_tokens\":4,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_delta\n",
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n",
    "event: message_delta\n",
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":7}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

#[tokio::test]
async fn the_usage_of_openai_and_anthropic_is_charged() {
    for (stream, total, input, output) in [
        (CHAT, 73, 80, 93),
        (RESPONSE, 73, 80, 93),
        (MESSAGE, 73, 80, 93),
    ] {
        for ends in ["\n", "\r\n", "\r"] {
            let stream = stream.replace('\n', ends);
            for stream in [stream.clone(), format!("\u{feff}{stream}")] {
                assert_eq!(
                    left_at_the_end(Settle::usage(Usage::total()), EVENTS, &stream).await,
                    total
                );
                assert_eq!(
                    left_at_the_end(Settle::usage(Usage::input()), EVENTS, &stream).await,
                    input
                );
                assert_eq!(
                    left_at_the_end(Settle::usage(Usage::output()), EVENTS, &stream).await,
                    output
                );
            }
        }
    }
    let without = Usage::input_without_cache_reads();
    assert_eq!(
        left_at_the_end(Settle::usage(without), EVENTS, MESSAGE).await,
        85
    );
}

#[tokio::test]
async fn the_usage_is_found_wherever_the_body_is_cut() {
    for stream in [CHAT, RESPONSE, MESSAGE] {
        for stream in [stream.to_owned(), stream.replace('\n', "\r\n")] {
            let stream = stream.as_bytes();
            let bytewise: Vec<_> = stream.chunks(1).collect();
            assert_eq!(
                left_after(Settle::usage(Usage::total()), EVENTS, &bytewise)
                    .await
                    .last(),
                Some(&73)
            );
            for cut in (0..stream.len()).step_by(7) {
                let (first, second) = stream.split_at(cut);
                let left =
                    left_after(Settle::usage(Usage::total()), EVENTS, &[first, second]).await;
                assert_eq!(left.last(), Some(&73), "at {cut}");
            }
        }
    }
}

#[tokio::test]
async fn an_event_may_have_data_of_several_lines() {
    let stream = "data: {\"usage\":\ndata: {\"total_tokens\"\ndata::30}\ndata:}\n\n";
    assert_eq!(
        left_at_the_end(Settle::usage(Usage::total()), EVENTS, stream).await,
        70
    );
    // A line must not break within a string or a number.
    for broken in [
        "data: {\"usage\":{\"total\ndata: _tokens\":30}}\n\n",
        "data: {\"usage\":{\"total_tokens\":3\ndata: 0}}\n\n",
    ] {
        assert_eq!(
            left_at_the_end(Settle::usage(Usage::total()), EVENTS, broken).await,
            90
        );
    }
}

#[tokio::test]
async fn a_broken_event_spoils_no_other() {
    for broken in [
        "{",
        "{\"usage\":{",
        "\"",
        "[DONE]",
        "{\"a\":\"\\x\"}",
        &"[".repeat(1000),
        "nonsense",
    ] {
        let stream = format!(
            "data: {broken}\n\ndata: {{\"usage\":{{\"total_tokens\":30}}}}\n\ndata: {broken}\n\n"
        );
        assert_eq!(
            left_at_the_end(Settle::usage(Usage::total()), EVENTS, &stream).await,
            70,
            "{broken}"
        );
    }
}

#[tokio::test]
async fn the_largest_of_a_repeated_number_counts() {
    let stream = |numbers: &[u64]| {
        let event = |number| format!("data: {{\"usage\":{{\"total_tokens\":{number}}}}}\n\n");
        numbers.iter().map(event).collect::<String>()
    };
    assert_eq!(
        left_at_the_end(Settle::usage(Usage::total()), EVENTS, &stream(&[1, 20, 30])).await,
        70
    );
    assert_eq!(
        left_at_the_end(Settle::usage(Usage::total()), EVENTS, &stream(&[30, 20])).await,
        70
    );
    assert_eq!(
        left_at_the_end(
            Settle::usage(Usage::total()).add(),
            EVENTS,
            &stream(&[1, 20])
        )
        .await,
        70
    );
}

#[tokio::test]
async fn the_usage_of_json_documents_is_charged() {
    let chat = "{\"choices\":[{\"message\":{\"content\":\"Hi\"}}],\n \"usage\": {\"total_tokens\": 30 }}\n";
    for kind in [
        JSON,
        "application/json; charset=utf-8",
        "application/problem+json",
    ] {
        assert_eq!(
            left_at_the_end(Settle::usage(Usage::total()), kind, chat).await,
            70,
            "{kind}"
        );
    }
    let bytewise: Vec<_> = chat.as_bytes().chunks(1).collect();
    assert_eq!(
        left_after(Settle::usage(Usage::total()), JSON, &bytewise)
            .await
            .last(),
        Some(&70)
    );
    let lines =
        "{\"prompt_eval_count\":5}\n{\"done\":true,\"prompt_eval_count\":26,\"eval_count\":4}\n";
    let counts = Usage::pointers(["/prompt_eval_count", "/eval_count"]);
    assert_eq!(
        left_at_the_end(Settle::usage(counts), "application/x-ndjson", lines).await,
        70
    );
    let gemini = "[{\"usageMetadata\":{\"totalTokenCount\":5}}\n,{\"usageMetadata\":{\"totalTokenCount\":30}}]";
    for (element, left) in [(0, 95), (1, 70), (2, 90)] {
        let element = Usage::pointer(&format!("/{element}/usageMetadata/totalTokenCount"));
        assert_eq!(
            left_at_the_end(Settle::usage(element), JSON, gemini).await,
            left
        );
    }
}

#[tokio::test]
async fn a_usage_found_before_the_body_broke_counts() {
    for rest in [
        "",
        ",",
        ",\"x\":\"",
        ",\"usage\":{\"total_tokens\":9",
        "}}}}}",
        "\u{0}",
    ] {
        let body = format!("{{\"usage\":{{\"total_tokens\":30}}{rest}");
        assert_eq!(
            left_at_the_end(Settle::usage(Usage::total()), JSON, &body).await,
            70,
            "{rest:?}"
        );
    }
}

#[tokio::test]
async fn two_limits_can_be_settled_by_one_body() {
    let (limiter, _) = crate::world::memory();
    let input = tollgate::Limit::per_minute("input", 100);
    let policy = crate::world::ten_tokens()
        .limit(input.clone())
        .settle("input", Settle::usage(Usage::input()))
        .settle("tpm", Settle::usage(Usage::pointer("/usage/output_tokens")));
    let app = crate::world::app(crate::world::layer(&limiter, policy), || {
        (
            [("content-type", JSON)],
            "{\"usage\":{\"input_tokens\":40,\"output_tokens\":30}}",
        )
    });
    let response = crate::world::ask(&app, crate::world::from("alice")).await;
    crate::bodies::collect(response.into_body()).await.unwrap();
    assert_eq!(crate::world::alices_tokens(&limiter).await, 70);
    assert_eq!(crate::world::left(&limiter, "alice", &input).await, 60);
}

/// A pointer and the table may both use the same number.
#[tokio::test]
async fn a_pointer_and_the_table_may_use_one_number() {
    for (pointer, body, left, pointed) in [
        (
            "/usage/total_tokens",
            r#"{"usage":{"total_tokens":30}}"#,
            70,
            70,
        ),
        (
            "/usage/prompt_tokens",
            r#"{"usage":{"prompt_tokens":20,"completion_tokens":10}}"#,
            70,
            80,
        ),
        (
            "/0/usageMetadata/totalTokenCount",
            r#"[{"usageMetadata":{"totalTokenCount":30}}]"#,
            70,
            70,
        ),
        (
            "/1/usageMetadata/totalTokenCount",
            r#"[{"usageMetadata":{"totalTokenCount":30}}]"#,
            70,
            90,
        ),
        (
            "/0",
            r#"[{"usageMetadata":{"totalTokenCount":30}}]"#,
            70,
            90,
        ),
        (
            "/usage/iterations/1/input_tokens",
            r#"{"usage":{"iterations":[{"input_tokens":10},{"input_tokens":20}]}}"#,
            70,
            80,
        ),
    ] {
        let (limiter, _) = crate::world::memory();
        let other = tollgate::Limit::per_minute("other", 100);
        let policy = crate::world::ten_tokens()
            .limit(other.clone())
            .cost("other", 10)
            .settle("other", Settle::usage(Usage::pointer(pointer)))
            .settle("tpm", Settle::usage(Usage::total()));
        let app = crate::world::app(crate::world::layer(&limiter, policy), move || {
            ([("content-type", JSON)], body)
        });
        let response = crate::world::ask(&app, crate::world::from("alice")).await;
        crate::bodies::collect(response.into_body()).await.unwrap();
        assert_eq!(
            crate::world::alices_tokens(&limiter).await,
            left,
            "{pointer}"
        );
        assert_eq!(
            crate::world::left(&limiter, "alice", &other).await,
            pointed,
            "{pointer}"
        );
    }
}

#[tokio::test]
async fn a_count_stands_in_until_the_usage_comes() {
    let rules = |stream: &'static str| async move {
        let (limiter, _) = crate::world::memory();
        let policy = crate::world::ten_tokens()
            .settle("tpm", Settle::events(|events| events * 20))
            .settle("tpm", Settle::usage(Usage::total()));
        let app = crate::world::app(crate::world::layer(&limiter, policy), move || {
            ([("content-type", EVENTS)], stream)
        });
        let response = crate::world::ask(&app, crate::world::from("alice")).await;
        crate::bodies::collect(response.into_body()).await.unwrap();
        crate::world::alices_tokens(&limiter).await
    };
    assert_eq!(rules("data: 1\n\ndata: 2\n\n").await, 60);
    assert_eq!(
        rules(CHAT).await,
        73,
        "at the end the last rule that knows holds"
    );
}
