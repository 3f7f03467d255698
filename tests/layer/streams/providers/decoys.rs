//! Bodies that only seem to report usage, and bodies that are incomplete.

use axum::body::Body;
use http::Response;
use tollgate::{
    Limit,
    layer::{Settle, Usage},
};

use super::{
    bodies::{answers, message},
    of_events, of_json, used,
};
use crate::{
    bodies::collect,
    events::Events,
    world::{app, ask, from, layer, left, memory, per_user},
};

const NOTHING: [Option<u64>; 4] = [None; 4];

/// `{"usage":{"total_tokens":9}}`, compressed with gzip.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x2a\x2d\x4e\x4c\x4f\x55\xb2\xaa\x56\x2a\xc9\x2f\x49\xcc\x89\x2f\xc9\xcf\x4e\xcd\x2b\x56\xb2\xb2\xac\xad\x05\x00\x83\x4a\x75\xb3\x1c\x00\x00\x00";

#[tokio::test]
async fn a_usage_at_another_place_does_not_count() {
    for body in [
        r#"{"choices":[{"message":{"usage":{"total_tokens":9}},"usage":{"prompt_tokens":9}}]}"#,
        r#"{"content":[{"type":"tool_use","input":{"usage":{"input_tokens":9,"output_tokens":9}}}]}"#,
        r#"{"content_block":{"input":{"usage":{"output_tokens":9}}},"delta":{"input":{"usage":{"output_tokens":9}}}}"#,
        r#"{"message":{"content":{"usage":{"input_tokens":9}},"tool_calls":[{"usage":{"output_tokens":9}}]}}"#,
        r#"{"candidates":[{"usageMetadata":{"totalTokenCount":9}}],"x":[{"usageMetadata":{"totalTokenCount":9}}]}"#,
        r#"[[{"usageMetadata":{"totalTokenCount":9}}]]"#,
        r#"[{"usage":{"total_tokens":9}}]"#,
        r#"{"*":{"usageMetadata":{"totalTokenCount":9}},"0":{"usageMetadata":{"totalTokenCount":9}}}"#,
        r#"{"output":{"usage":{"inputTokens":9}},"message":{"usage":{"inputTokens":9}}}"#,
        r#"{"message":{"eval_count":9,"prompt_eval_count":9},"response":{"eval_count":9}}"#,
        r#"{"usage":{"iterations":{"0":{"input_tokens":9},"*":{"input_tokens":9}}}}"#,
        r#"{"usage":{"server_tool_use":{"input_tokens":9},"cache_creation":{"input_tokens":9}}}"#,
        r#"{"Usage":{"total_tokens":9},"usage ":{"total_tokens":9},"usage\u0000":{"total_tokens":9}}"#,
        r#"{"error":{"usage":{"total_tokens":9},"message":"\"usage\":{\"total_tokens\":9}"}}"#,
        r#""{\"usage\":{\"total_tokens\":9}}""#,
        r#"{"total_tokens":9,"input_tokens":9,"totalTokens":9,"prompt_tokens":9}"#,
    ] {
        assert_eq!(of_json(body).await, NOTHING, "{body}");
        assert_eq!(of_events(&[body, body]).await, NOTHING, "{body}");
        let message = message("metadata", body.as_bytes());
        assert_eq!(
            used("application/vnd.amazon.eventstream", [&message[..]]).await,
            NOTHING,
            "{body}"
        );
    }
}

#[tokio::test]
async fn an_answer_without_a_number_reports_no_usage() {
    for usage in [
        "null",
        "{}",
        "[]",
        "7",
        "\"7\"",
        "true",
        "[{\"total_tokens\":9}]",
        "{\"total_tokens\":null}",
    ] {
        for body in [
            format!(r#"{{"usage":{usage}}}"#),
            format!(r#"{{"usageMetadata":{usage}}}"#),
            format!(r#"[{{"usageMetadata":{usage}}}]"#),
            format!(r#"{{"response":{{"usage":{usage}}}}}"#),
            format!(r#"{{"delta":{{"usage":{{"tokens":{usage}}}}}}}"#),
            format!(r#"{{"x_groq":{{"usage":{usage}}}}}"#),
        ] {
            let body = body.replace("total_tokens\":9", "x\":9");
            assert_eq!(of_json(&body).await, NOTHING, "{body}");
        }
    }
}

/// An invalid number is ignored, and the other numbers count.
#[tokio::test]
async fn an_invalid_number_is_ignored_and_the_others_count() {
    for bad in [
        "-7",
        "-0",
        "7.5",
        "7.0",
        "7e2",
        "\"7\"",
        "1e400",
        "1000000000000000",
        "18446744073709551617",
        "true",
    ] {
        for (body, expected) in [
            (r#"{"usage":{"total_tokens":BAD}}"#, NOTHING),
            (
                r#"{"usage":{"total_tokens":BAD,"prompt_tokens":20,"completion_tokens":7}}"#,
                [Some(27), Some(20), Some(20), Some(7)],
            ),
            (
                r#"{"usage":{"prompt_tokens":20,"prompt_tokens_details":{"cached_tokens":BAD},"completion_tokens":7}}"#,
                [Some(27), Some(20), Some(20), Some(7)],
            ),
            (
                r#"{"usage":{"input_tokens":20,"output_tokens":7,"iterations":[{"input_tokens":BAD,"output_tokens":BAD}]}}"#,
                [Some(27), Some(20), Some(20), Some(7)],
            ),
            (r#"{"usageMetadata":{"promptTokenCount":BAD}}"#, NOTHING),
            (
                r#"{"eval_count":BAD,"prompt_eval_count":20}"#,
                [Some(20), Some(20), Some(20), None],
            ),
            (
                r#"{"usage":{"total_tokens":BAD}}{"usage":{"total_tokens":30}}"#,
                [Some(30), None, None, None],
            ),
            (
                r#"{"usage":{"total_tokens":30}}{"usage":{"total_tokens":BAD}}"#,
                [Some(30), None, None, None],
            ),
            (
                r#"{"usage":{"total_tokens":30,"total_tokens":BAD}}"#,
                [Some(30), None, None, None],
            ),
        ] {
            let body = body.replace("BAD", bad);
            let events = Events::collect();
            assert_eq!(of_json(&body).await, expected, "{body}");
            assert!(events.text().contains("ignored"), "{body}");
        }
    }
}

/// The numbers in a partial answer count, and never exceed those of the whole answer.
#[tokio::test]
async fn an_answer_that_ends_early_counts_no_more_than_the_whole() {
    for answer in answers("Hello.") {
        let says = |body: &[u8], name: &str| {
            body.windows(name.len())
                .any(|window| window == name.as_bytes())
        };
        for end in (0..answer.body.len()).step_by(5) {
            let part = &answer.body[..end];
            let used = used(answer.kind, [part]).await;
            assert!(
                used[0] <= answer.used[0] && used[1] <= answer.used[1],
                "{}: {used:?}, {end}",
                answer.name
            );
            if !["token", "Token", "eval_count"]
                .iter()
                .any(|name| says(part, name))
            {
                assert_eq!(used, NOTHING, "{}, {end}", answer.name);
            }
        }
    }
}

#[tokio::test]
async fn an_encoded_answer_is_not_read() {
    for (coding, body) in [("gzip", GZIP), ("br", br#"{"usage":{"total_tokens":9}}"#)] {
        let (limiter, _) = memory();
        let limit = Limit::per_hour("tpm", 100);
        let policy = per_user(limit.clone())
            .cost("tpm", 10)
            .settle("tpm", Settle::usage(Usage::total()));
        let app = app(layer(&limiter, policy), move || {
            let response = Response::builder().header("content-type", "application/json");
            response
                .header("content-encoding", coding)
                .body(Body::from(body))
                .unwrap()
        });
        collect(ask(&app, from("alice")).await.into_body())
            .await
            .unwrap();
        assert_eq!(left(&limiter, "alice", &limit).await, 90, "{coding}");
    }
    assert_eq!(
        used("application/json", [GZIP]).await,
        NOTHING,
        "even if its head does not say so"
    );
}

#[tokio::test]
async fn invalid_messages_are_reported_once() {
    const KIND: &str = "application/vnd.amazon.eventstream";
    let usage = br#"{"usage":{"inputTokens":20,"outputTokens":7,"totalTokens":27}}"#;
    let whole = message("metadata", usage);
    let expected = [Some(27), Some(20), Some(20), Some(7)];
    for other in [
        message("ping", b""),
        message("messageStart", b"no JSON"),
        message("chunk", br#"{"bytes":"e30="}"#),
    ] {
        let stream = [&other[..], &whole, &other].concat();
        assert_eq!(used(KIND, [&stream[..]]).await, expected);
    }
    let events = Events::collect();
    let short = [0, 0, 0, 15, 0, 0, 0, 0, 0, 0, 0, 0];
    let broken = [&whole[..], &short, &whole, &whole].concat();
    assert_eq!(
        used(KIND, broken.chunks(9)).await,
        expected,
        "what was found before it broke holds"
    );
    assert_eq!(
        events.text().matches("it is no event stream").count(),
        1,
        "{}",
        events.text()
    );
    // In another kind of body, the same bytes are not a valid document.
    assert_eq!(used("application/json", [&whole[..]]).await, NOTHING);
    assert_eq!(used(KIND, [&usage[..]]).await, NOTHING);
}
