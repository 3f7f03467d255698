//! Values that cannot be the real use keep the estimate, and are logged.

use axum::body::Body;
use tollgate::layer::{InvalidPolicy, PolicyBuilder, Settle, Usage};

use super::AS_ESTIMATED;
use crate::{
    events::Events,
    world::{alices_tokens, app, ask, from, header_map, layer, memory, ten_tokens},
};

/// Headers that keep the estimate, and the reason in the event.
const BAD: [(&str, &[&[u8]], &str); 14] = [
    ("negative", &[b"-5"], "not a whole number"),
    ("signed", &[b"+5"], "not a whole number"),
    ("scientific", &[b"1e9"], "not a whole number"),
    ("fractional", &[b"1.5"], "not a whole number"),
    ("text", &[b"abc"], "not a whole number"),
    ("hexadecimal", &[b"0x10"], "not a whole number"),
    ("two in one", &[b"5, 7"], "not a whole number"),
    ("twice", &[b"5", b"7"], "more than once"),
    ("twice the same", &[b"5", b"5"], "more than once"),
    (
        "20 digits",
        &[b"18446744073709551616"],
        "larger than any limit",
    ),
    ("16 digits", &[b"1000000000000000"], "larger than any limit"),
    ("empty", &[b""], "not a whole number"),
    ("not ASCII", &[b"\xff\xfe5"], "not a whole number"),
    (
        "other digits",
        &["\u{ff15}".as_bytes()],
        "not a whole number",
    ),
];

#[tokio::test]
async fn invalid_values_keep_the_estimate() {
    for (what, values, reason) in BAD {
        for rule in [
            Settle::header("x-used"),
            Settle::header("x-used").add(),
            Settle::headers(["x-in", "x-used"]),
        ] {
            let events = Events::collect();
            let (limiter, _) = memory();
            let answer = move || {
                let used = values.iter().map(|value| ("x-used", *value));
                header_map(&used.chain([("x-in", &b"7"[..])]).collect::<Vec<_>>())
            };
            let app = app(
                layer(&limiter, ten_tokens().settle("tpm", rule.clone())),
                answer,
            );
            assert_eq!(ask(&app, from("alice")).await.status(), 200, "{what}");
            assert_eq!(
                alices_tokens(&limiter).await,
                AS_ESTIMATED,
                "{what}, {rule:?}"
            );
            let events = events.text();
            assert!(
                events.contains("settle value ignored") && events.contains(reason),
                "{what}: {events}"
            );
            // The bucket is not affected for the next request.
            assert_eq!(ask(&app, from("alice")).await.status(), 200, "{what}");
            assert_eq!(alices_tokens(&limiter).await, 80, "{what}");
        }
    }
}

#[tokio::test]
async fn a_missing_value_keeps_the_estimate_without_an_event() {
    let events = Events::collect();
    let (limiter, _) = memory();
    let app = app(
        layer(
            &limiter,
            ten_tokens().settle("tpm", Settle::header("x-used")),
        ),
        || "hello",
    );
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED);
    assert!(!events.text().contains("settle"), "{}", events.text());
}

#[tokio::test]
async fn a_sum_that_no_limit_can_have_keeps_the_estimate() {
    let events = Events::collect();
    let (limiter, _) = memory();
    let policy = ten_tokens().settle("tpm", Settle::headers(["x-in", "x-out"]));
    let app = app(layer(&limiter, policy), || {
        [("x-in", "999999999999999"), ("x-out", "1")]
    });
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED);
    assert!(
        events.text().contains("larger than any limit"),
        "{}",
        events.text()
    );
}

/// Returns the tokens left of 100 after a response with this value, and true if the value was
/// logged.
async fn left_by(policy: PolicyBuilder, used: &'static str) -> (i64, bool) {
    let events = Events::collect();
    let (limiter, _) = memory();
    let app = app(layer(&limiter, policy), move || [("x-used", used)]);
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    (
        alices_tokens(&limiter).await,
        events.text().contains("settle value ignored"),
    )
}

/// A value that is far too large must not lock a limit for a very long time.
#[tokio::test]
async fn a_value_above_what_a_request_can_have_used_keeps_the_estimate() {
    let policy = || ten_tokens().settle("tpm", Settle::header("x-used"));
    assert_eq!(
        left_by(policy(), "10000").await,
        (-9_900, false),
        "100 full buckets"
    );
    for absurd in ["10001", "999999999999999"] {
        assert_eq!(
            left_by(policy(), absurd).await,
            (AS_ESTIMATED, true),
            "{absurd}"
        );
    }
    let added = ten_tokens().settle("tpm", Settle::header("x-used").add());
    assert_eq!(
        left_by(added, "9991").await,
        (AS_ESTIMATED, true),
        "together with the estimate"
    );
    let closure = ten_tokens().settle("tpm", Settle::head(|_| Some(10_001)));
    assert_eq!(left_by(closure, "1").await, (AS_ESTIMATED, true));
    assert_eq!(
        left_by(policy().settle_at_most("tpm", 50), "50").await,
        (50, false)
    );
    assert_eq!(
        left_by(policy().settle_at_most("tpm", 50), "51").await,
        (AS_ESTIMATED, true)
    );
    assert_eq!(
        left_by(policy().settle_at_most("tpm", 20_000), "10001").await,
        (-9_901, false)
    );
    // A valid value after an invalid one is used.
    let later = policy().settle("tpm", Settle::head(|_| Some(30)));
    assert_eq!(left_by(later, "999999999999999").await, (70, true));
    let unknown = ten_tokens().settle_at_most("nonsense", 1).build();
    assert!(matches!(unknown, Err(InvalidPolicy::UnknownLimit(name)) if name == "nonsense"));
}

/// The amount counted before the value became too large is charged, and the event is logged once.
#[tokio::test]
async fn a_body_that_becomes_too_large_is_charged_as_far_as_it_was_counted() {
    let events = Events::collect();
    let (limiter, _) = memory();
    let policy = ten_tokens().settle("tpm", Settle::bytes(|bytes| bytes * 1_000));
    let pieces = || {
        Body::from_stream(tokio_stream::iter(
            ["12345"; 4].map(Ok::<_, std::convert::Infallible>),
        ))
    };
    let app = app(layer(&limiter, policy), pieces);
    let response = ask(&app, from("alice")).await;
    assert_eq!(
        axum::body::to_bytes(response.into_body(), 100)
            .await
            .unwrap()
            .len(),
        20
    );
    assert_eq!(alices_tokens(&limiter).await, -9_900, "two of the four");
    assert_eq!(
        events.text().matches("settle value ignored").count(),
        1,
        "{}",
        events.text()
    );
}

#[tokio::test]
async fn the_largest_possible_value_is_charged() {
    let (limiter, _) = memory();
    let largest = || {
        header_map(&[
            ("x-used", b"999999999999999"),
            ("x-extra", b"999999999999999"),
        ])
    };
    let policy = ten_tokens()
        .settle("tpm", Settle::header("x-used"))
        .settle("tpm", Settle::header("x-used").add())
        .settle("tpm", Settle::header("x-extra").add())
        .settle_at_most("tpm", u64::MAX);
    let app = app(layer(&limiter, policy), largest);
    let response = ask(&app, from("alice")).await;
    assert_eq!(response.status(), 200);
    // Nothing overflows, and the numbers in headers stay in the range of structured fields.
    assert!(
        response.headers()["ratelimit"]
            .to_str()
            .unwrap()
            .starts_with(r#""tpm";r=0;t="#),
        "{response:?}"
    );
    let denied = ask(&app, from("alice")).await;
    assert_eq!(denied.status(), 429);
    let wait: u64 = denied.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(wait > 500_000_000_000_000, "{wait}");
}

/// A pointer may come from a configuration file: a wrong one is an error, never a panic.
#[test]
fn an_invalid_json_pointer_is_refused_when_the_policy_is_built() {
    let too_deep = "/a".repeat(17);
    for pointer in ["", "usage", "/a~2", &too_deep] {
        let policy = ten_tokens()
            .settle("tpm", Settle::usage(Usage::pointers(["/right", pointer])))
            .build();
        assert!(
            matches!(policy, Err(InvalidPolicy::Pointer(wrong)) if wrong == pointer),
            "{pointer}"
        );
    }
    // A rule without pointers would find nothing.
    let none = ten_tokens()
        .settle("tpm", Settle::usage(Usage::pointers([])))
        .build();
    let error = none.unwrap_err();
    assert!(error.to_string().contains("no JSON pointer"), "{error}");
}
