//! Numbers that have several names, and numbers that occur several times.

use super::{of_events, of_json, used};

const NOTHING: [Option<u64>; 4] = [None; 4];

fn is([total, input, fresh, output]: [u64; 4]) -> [Option<u64>; 4] {
    [total, input, fresh, output].map(Some)
}

/// Anthropic's own numbers of a message do not include compactions and advisors.
#[tokio::test]
async fn the_sum_of_iterations_counts() {
    let iterations =
        |own: &str, iterations: &str| format!(r#"{{"usage":{{{own},"iterations":{iterations}}}}}"#);
    let own = r#""input_tokens":612,"cache_creation_input_tokens":5,"cache_read_input_tokens":40,"output_tokens":2819"#;
    let compaction = r#"{"type":"compaction","input_tokens":60385,"output_tokens":522}"#;
    let message = r#"{"type":"message","input_tokens":612,"cache_creation_input_tokens":5,"cache_read_input_tokens":40,"output_tokens":2819}"#;
    let advisor = r#"{"type":"advisor_message","model":"m","input_tokens":823,"cache_creation_input_tokens":0,"cache_read_input_tokens":100,"output_tokens":1612}"#;
    let both = iterations(own, &format!("[{compaction},{message}]"));
    assert_eq!(of_json(&both).await, is([64_383, 61_042, 61_002, 3_341]));
    let three = iterations(own, &format!("[{message},\n{advisor} , {message}]"));
    assert_eq!(
        of_json(&three).await,
        is([612 * 2 + 823 + 10 + 180 + 7_250, 2_237, 2_057, 7_250])
    );
    // A list that reports less than the message, or nothing, does not reduce the numbers.
    for less in [
        "[]",
        "null",
        "{}",
        "[null]",
        "[[{\"input_tokens\":9}]]",
        "[{\"type\":\"message\"}]",
        "\"text\"",
        "7",
    ] {
        assert_eq!(
            of_json(&iterations(own, less)).await,
            is([3_476, 657, 617, 2_819]),
            "{less}"
        );
    }
    assert_eq!(
        of_json(&iterations(own, "[{\"input_tokens\":60385}]")).await,
        is([63_249, 60_430, 60_390, 2_819]),
        "what the list does not say is the message's"
    );
    // A list that occurs twice counts once.
    let start = both.replace(r#"{"usage""#, r#"{"type":"message_delta","usage""#);
    assert_eq!(
        of_events(&[&start, &start]).await,
        is([64_383, 61_042, 61_002, 3_341])
    );
    let sum = iterations(
        "\"x\":1",
        r#"[{"input_tokens":999999999999999},{"input_tokens":2,"output_tokens":3}]"#,
    );
    assert_eq!(
        of_json(&sum).await,
        [None, None, None, Some(3)],
        "no limit can have so much"
    );
}

/// A stream reports the usage so far. A number that falls does not reduce the charge.
#[tokio::test]
async fn a_later_and_smaller_number_lowers_nothing() {
    let start = r#"{"type":"message_start","message":{"usage":{"input_tokens":60385,"cache_read_input_tokens":50,"output_tokens":4}}}"#;
    let delta = r#"{"type":"message_delta","usage":{"input_tokens":612,"cache_read_input_tokens":0,"output_tokens":2819}}"#;
    assert_eq!(
        of_events(&[start, delta]).await,
        is([63_254, 60_435, 60_385, 2_819])
    );
    assert_eq!(
        of_events(&[delta, start]).await,
        is([63_254, 60_435, 60_385, 2_819])
    );
    let chunk = |prompt, completion| {
        let total = prompt + completion;
        format!(
            r#"{{"usage":{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{total}}}}}"#
        )
    };
    let chunks = [
        chunk(20, 1),
        chunk(20, 30),
        chunk(0, 2),
        "{\"usage\":null}".to_owned(),
    ];
    assert_eq!(
        of_events(&chunks.each_ref().map(String::as_str)).await,
        is([50, 20, 20, 30])
    );
    let gemini = |count| format!(r#"{{"usageMetadata":{{"totalTokenCount":{count}}}}}"#);
    let array = format!("[{},{},{}]", gemini(5), gemini(30), gemini(7));
    assert_eq!(of_json(&array).await, [Some(30), None, None, None]);
    let lines = "{\"eval_count\":9}\n{\"eval_count\":4}\n";
    assert_eq!(
        used("application/x-ndjson", [lines.as_bytes()]).await,
        [Some(9), None, None, Some(9)]
    );
}

/// The total includes reasoning tokens that are not part of the output tokens.
#[tokio::test]
async fn tokens_out_are_at_least_what_the_total_leaves() {
    let said = |usage: &str| format!(r#"{{"usage":{{{usage}}}}}"#);
    for (usage, expected) in [
        (
            r#""prompt_tokens":12,"completion_tokens":2,"total_tokens":354"#,
            is([354, 12, 12, 342]),
        ),
        (
            r#""total_tokens":354,"completion_tokens":2,"prompt_tokens":12"#,
            is([354, 12, 12, 342]),
        ),
        (
            r#""input_tokens":12,"output_tokens":2,"total_tokens":354"#,
            is([354, 12, 12, 342]),
        ),
        (
            r#""inputTokens":12,"outputTokens":2,"totalTokens":354"#,
            is([354, 12, 12, 342]),
        ),
        (
            r#""prompt_tokens":12,"total_tokens":354"#,
            is([354, 12, 12, 342]),
        ),
        // If the total is not larger, nothing is added.
        (
            r#""prompt_tokens":12,"completion_tokens":2,"total_tokens":14"#,
            is([14, 12, 12, 2]),
        ),
        (
            r#""prompt_tokens":12,"completion_tokens":2,"total_tokens":13"#,
            is([14, 12, 12, 2]),
        ),
        (
            r#""prompt_tokens":12,"completion_tokens":2,"total_tokens":0"#,
            is([14, 12, 12, 2]),
        ),
        (
            r#""prompt_tokens":12,"completion_tokens":2"#,
            is([14, 12, 12, 2]),
        ),
        (
            r#""prompt_tokens":12,"total_tokens":12"#,
            [Some(12), Some(12), Some(12), None],
        ),
        (
            r#""prompt_tokens":0,"completion_tokens":0,"total_tokens":0"#,
            is([0; 4]),
        ),
        (
            r#""completion_tokens":2,"total_tokens":14"#,
            [Some(14), None, None, Some(2)],
        ),
        (r#""total_tokens":14"#, [Some(14), None, None, None]),
        (r#""output_tokens":2"#, [Some(2), None, None, Some(2)]),
    ] {
        assert_eq!(of_json(&said(usage)).await, expected, "{usage}");
    }
}

/// Cache reads are subtracted from the input tokens in every format.
#[tokio::test]
async fn cache_reads_are_taken_out_of_the_tokens_in() {
    let said = |usage: &str| format!(r#"{{"usage":{{{usage}}}}}"#);
    for (usage, input, fresh) in [
        (
            r#""prompt_tokens":10000,"prompt_tokens_details":{"cached_tokens":8000}"#,
            10_000,
            2_000,
        ),
        (
            r#""prompt_tokens_details":{"cached_tokens":8000},"prompt_tokens":10000"#,
            10_000,
            2_000,
        ),
        (
            r#""prompt_tokens":10000,"prompt_tokens_details":{"cached_tokens":10000}"#,
            10_000,
            0,
        ),
        (
            r#""prompt_tokens":10000,"prompt_tokens_details":{"cached_tokens":0}"#,
            10_000,
            10_000,
        ),
        (
            r#""prompt_tokens":10000,"prompt_tokens_details":null"#,
            10_000,
            10_000,
        ),
        (
            r#""input_tokens":10000,"input_tokens_details":{"cached_tokens":8000}"#,
            10_000,
            2_000,
        ),
        (
            r#""prompt_tokens":10000,"prompt_cache_hit_tokens":8000,"prompt_cache_miss_tokens":2000"#,
            10_000,
            2_000,
        ),
        (
            r#""prompt_tokens":10000,"num_cached_tokens":8000"#,
            10_000,
            2_000,
        ),
        (
            r#""prompt_tokens":10000,"cached_tokens":8000"#,
            10_000,
            2_000,
        ),
        (
            r#""tokens":{"input_tokens":10000},"cached_tokens":8000"#,
            10_000,
            2_000,
        ),
        (
            r#""input_tokens":2000,"cache_read_input_tokens":8000"#,
            10_000,
            2_000,
        ),
        (
            r#""inputTokens":1500,"cacheReadInputTokens":8000,"cacheWriteInputTokens":500"#,
            10_000,
            2_000,
        ),
        // A gateway reports both kinds of fields. The prompt tokens include everything.
        (
            r#""prompt_tokens":10000,"prompt_tokens_details":{"cached_tokens":8000},"cache_read_input_tokens":8000,"cache_creation_input_tokens":500"#,
            10_000,
            2_000,
        ),
        // If the cache reads are more than the prompt tokens, they are not part of the prompt
        // tokens.
        (
            r#""prompt_tokens":4142,"prompt_tokens_details":{"cached_tokens":4328}"#,
            8_470,
            4_142,
        ),
    ] {
        let expected = [Some(input), Some(input), Some(fresh), None];
        assert_eq!(of_json(&said(usage)).await, expected, "{usage}");
    }
}

#[tokio::test]
async fn gemini_counts_reasoning_beside_its_candidates_or_in_them() {
    let said = |usage: &str| format!(r#"{{"usageMetadata":{{{usage}}}}}"#);
    for (usage, expected) in [
        (
            r#""promptTokenCount":10,"candidatesTokenCount":5,"thoughtsTokenCount":7,"totalTokenCount":22"#,
            12,
        ),
        (
            r#""promptTokenCount":10,"candidatesTokenCount":12,"thoughtsTokenCount":7,"totalTokenCount":22"#,
            12,
        ),
        (
            r#""promptTokenCount":10,"thoughtsTokenCount":12,"totalTokenCount":22"#,
            12,
        ),
        (
            r#""promptTokenCount":10,"candidatesTokenCount":5,"thoughtsTokenCount":7"#,
            12,
        ),
        (r#""promptTokenCount":10,"candidatesTokenCount":12"#, 12),
    ] {
        assert_eq!(
            of_json(&said(usage)).await,
            is([22, 10, 10, expected]),
            "{usage}"
        );
    }
    let blocked = r#""promptTokenCount":10,"totalTokenCount":10"#;
    assert_eq!(
        of_json(&said(blocked)).await,
        [Some(10), Some(10), Some(10), None]
    );
}

#[tokio::test]
async fn what_was_processed_goes_before_what_is_billed() {
    let billed = r#""billed_units":{"input_tokens":5,"output_tokens":3,"search_units":1}"#;
    let tokens = r#""tokens":{"input_tokens":66,"output_tokens":4}"#;
    for place in [
        r#"{"usage":{USAGE}}"#,
        r#"{"delta":{"usage":{USAGE}}}"#,
        r#"{"response":{"meta":{USAGE}}}"#,
    ] {
        let said = |usage: &str| place.replace("USAGE", usage);
        assert_eq!(of_json(&said(billed)).await, is([8, 5, 5, 3]));
        assert_eq!(
            of_json(&said(&format!("{billed},{tokens}"))).await,
            is([70, 66, 66, 4])
        );
        assert_eq!(
            of_json(&said(&format!("{tokens},{billed}"))).await,
            is([70, 66, 66, 4])
        );
    }
    assert_eq!(
        of_json(r#"{"meta":{"billed_units":{"search_units":1}}}"#).await,
        NOTHING
    );
}
