//! OpenAI's headers.

use tollgate::{Limit, layer::OpenAi};

use super::{all, fields, requests_and_tokens, three};
use crate::world::{ask, from, hello, layer, memory, per_user};

const REQUESTS: [&str; 3] = [
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
];
const TOKENS: [&str; 3] = [
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
];

#[tokio::test]
async fn each_limit_has_the_headers_that_it_was_given() {
    let policy = requests_and_tokens().dialect(OpenAi::new().requests("rpm").tokens("tpm"));
    let [first, second, denied] = three(policy).await;
    assert_eq!(all(&first, REQUESTS), ["5", "4", "12s"]);
    assert_eq!(all(&first, TOKENS), ["1000", "600", "24s"]);
    assert_eq!(all(&second, TOKENS), ["1000", "200", "48s"]);
    assert_eq!(all(&denied, REQUESTS), ["5", "3", "24s"]);
    assert_eq!(all(&denied, TOKENS), ["1000", "200", "48s"]);
    assert_eq!(fields(&denied, ["x-ratelimit-limit"]), [None]);
}

#[tokio::test]
async fn a_limit_that_was_given_no_headers_has_none() {
    let [first, ..] = three(requests_and_tokens().dialect(OpenAi::new().tokens("tpm"))).await;
    assert_eq!(fields(&first, REQUESTS), [None, None, None]);
    assert_eq!(all(&first, TOKENS), ["1000", "600", "24s"]);
}

#[tokio::test]
async fn reset_times_are_durations() {
    for (limit, reset) in [
        (Limit::per_hour("rpm", 10), "6m0s"),
        (Limit::per_second("rpm", 1), "1s"),
        (
            Limit::new("rpm", 10, 25, std::time::Duration::from_secs(3)).unwrap(),
            "120ms",
        ),
        (Limit::per_day("rpm", 24), "1h0m0s"),
    ] {
        let app = hello(layer(
            &memory().0,
            per_user(limit).dialect(OpenAi::new().requests("rpm")),
        ));
        assert_eq!(
            all(
                &ask(&app, from("alice")).await,
                ["x-ratelimit-reset-requests"]
            ),
            [reset]
        );
    }
}

#[tokio::test]
async fn a_limit_that_was_not_used_resets_at_once() {
    let policy = per_user(Limit::per_minute("rpm", 5))
        .cost("rpm", 0)
        .dialect(OpenAi::new().requests("rpm"));
    let response = ask(&hello(layer(&memory().0, policy)), from("alice")).await;
    assert_eq!(all(&response, REQUESTS), ["5", "5", "0s"]);
}
