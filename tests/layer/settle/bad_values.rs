//! Values that cannot be what was used keep the estimate, and are told of.

use tollgate::layer::Settle;

use super::AS_ESTIMATED;
use crate::{
    events::Events,
    world::{alices_tokens, app, ask, from, header_map, layer, memory, ten_tokens},
};

/// Headers that keep the estimate, and what the event says about them.
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
    ("20 digits", &[b"18446744073709551616"], "larger than any limit"),
    ("16 digits", &[b"1000000000000000"], "larger than any limit"),
    ("empty", &[b""], "not a whole number"),
    ("not ASCII", &[b"\xff\xfe5"], "not a whole number"),
    ("other digits", &["\u{ff15}".as_bytes()], "not a whole number"),
];

#[tokio::test]
async fn keep_the_estimate() {
    for (what, values, reason) in BAD {
        for rule in [Settle::header("x-used"), Settle::header("x-used").add(), Settle::headers(["x-in", "x-used"])] {
            let events = Events::collect();
            let (limiter, _) = memory();
            let answer = move || {
                let used = values.iter().map(|value| ("x-used", *value));
                header_map(&used.chain([("x-in", &b"7"[..])]).collect::<Vec<_>>())
            };
            let app = app(layer(&limiter, ten_tokens().settle("tpm", rule.clone())), answer);
            assert_eq!(ask(&app, from("alice")).await.status(), 200, "{what}");
            assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED, "{what}, {rule:?}");
            let events = events.text();
            assert!(events.contains("settle value ignored") && events.contains(reason), "{what}: {events}");
            // The next request finds the bucket as it should.
            assert_eq!(ask(&app, from("alice")).await.status(), 200, "{what}");
            assert_eq!(alices_tokens(&limiter).await, 80, "{what}");
        }
    }
}

#[tokio::test]
async fn a_missing_one_keeps_it_silently() {
    let events = Events::collect();
    let (limiter, _) = memory();
    let app = app(layer(&limiter, ten_tokens().settle("tpm", Settle::header("x-used"))), || "hello");
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED);
    assert!(!events.text().contains("settle"), "{}", events.text());
}

#[tokio::test]
async fn a_sum_that_no_limit_can_have_is_none() {
    let events = Events::collect();
    let (limiter, _) = memory();
    let policy = ten_tokens().settle("tpm", Settle::headers(["x-in", "x-out"]));
    let app = app(layer(&limiter, policy), || [("x-in", "999999999999999"), ("x-out", "1")]);
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED);
    assert!(events.text().contains("larger than any limit"), "{}", events.text());
}

#[tokio::test]
async fn the_largest_is_taken() {
    let (limiter, _) = memory();
    let largest = || header_map(&[("x-used", b"999999999999999"), ("x-extra", b"999999999999999")]);
    let policy = ten_tokens()
        .settle("tpm", Settle::header("x-used"))
        .settle("tpm", Settle::header("x-used").add())
        .settle("tpm", Settle::header("x-extra").add());
    let app = app(layer(&limiter, policy), largest);
    let response = ask(&app, from("alice")).await;
    assert_eq!(response.status(), 200);
    // Nothing overflows, and headers stay within what structured fields hold.
    assert!(response.headers()["ratelimit"].to_str().unwrap().starts_with(r#""tpm";r=0;t="#), "{response:?}");
    let denied = ask(&app, from("alice")).await;
    assert_eq!(denied.status(), 429);
    let wait: u64 = denied.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(wait > 500_000_000_000_000, "{wait}");
}
