//! Anthropic's headers.

use tollgate::{Limit, layer::Anthropic};

use super::{all, fields, requests_and_tokens, three};

fn names(kind: &str) -> [String; 3] {
    ["limit", "remaining", "reset"].map(|field| format!("anthropic-ratelimit-{kind}-{field}"))
}

#[tokio::test]
async fn each_limit_has_the_headers_that_it_was_given() {
    let policy = requests_and_tokens()
        .limit(Limit::per_minute("in", 300))
        .limit(Limit::per_day("out", 86_400))
        .dialect(
            Anthropic::new()
                .requests("rpm")
                .tokens("tpm")
                .input_tokens("in")
                .output_tokens("out"),
        );
    let [first, _, denied] = three(policy).await;
    for (kind, at_first, denial) in [
        (
            "requests",
            ["5", "4", "2023-11-14T22:13:32Z"],
            ["5", "3", "2023-11-14T22:13:44Z"],
        ),
        (
            "tokens",
            ["1000", "600", "2023-11-14T22:13:44Z"],
            ["1000", "200", "2023-11-14T22:14:08Z"],
        ),
        (
            "input-tokens",
            ["300", "299", "2023-11-14T22:13:21Z"],
            ["300", "298", "2023-11-14T22:13:21Z"],
        ),
        (
            "output-tokens",
            ["86400", "86399", "2023-11-14T22:13:21Z"],
            ["86400", "86398", "2023-11-14T22:13:22Z"],
        ),
    ] {
        let names = names(kind);
        assert_eq!(all(&first, names.each_ref().map(String::as_str)), at_first);
        assert_eq!(all(&denied, names.each_ref().map(String::as_str)), denial);
    }
}

#[tokio::test]
async fn a_limit_that_was_given_no_headers_has_none() {
    let [first, ..] = three(requests_and_tokens().dialect(Anthropic::new().requests("rpm"))).await;
    let count = first
        .headers()
        .keys()
        .filter(|name| name.as_str().starts_with("anthropic-"))
        .count();
    assert_eq!(count, 3);
    assert_eq!(fields(&first, ["ratelimit"]), [None]);
}
