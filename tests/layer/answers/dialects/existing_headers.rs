//! Headers that the response already has: lists grow, all others stay unchanged.

use sfv::{Dictionary, List, Parser};
use tollgate::layer::{Anthropic, Dialect, IetfDraft, OpenAi, XRateLimit};

use super::{fields, requests_and_tokens};
use crate::world::{app, ask, from, layer, memory};

async fn with(
    own: &'static [(&'static str, &'static str)],
    policy: tollgate::layer::PolicyBuilder,
) -> http::HeaderMap {
    let answer = move || {
        let mut response = http::Response::new(axum::body::Body::empty());
        for (name, value) in own {
            response.headers_mut().append(*name, value.parse().unwrap());
        }
        response
    };
    ask(&app(layer(&memory().0, policy), answer), from("alice"))
        .await
        .headers()
        .clone()
}

fn lines<'a>(headers: &'a http::HeaderMap, name: &str) -> Vec<&'a str> {
    headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect()
}

#[tokio::test]
async fn fields_of_one_value_stay_with_all_that_belongs_to_them() {
    let headers = with(
        &[("x-ratelimit-remaining", "7")],
        requests_and_tokens().dialect(XRateLimit::seconds()),
    )
    .await;
    assert_eq!(lines(&headers, "x-ratelimit-remaining"), ["7"]);
    assert!(
        !headers.contains_key("x-ratelimit-limit"),
        "of another limit"
    );
    assert!(!headers.contains_key("x-ratelimit-reset"));

    let policy = requests_and_tokens().dialect(OpenAi::new().requests("rpm").tokens("tpm"));
    let headers = with(&[("x-ratelimit-limit-tokens", "9")], policy).await;
    assert_eq!(lines(&headers, "x-ratelimit-limit-tokens"), ["9"]);
    assert!(!headers.contains_key("x-ratelimit-remaining-tokens"));
    assert_eq!(
        lines(&headers, "x-ratelimit-remaining-requests"),
        ["4"],
        "another limit's"
    );

    let policy = requests_and_tokens().dialect(Anthropic::new().requests("rpm"));
    let headers = with(
        &[("anthropic-ratelimit-requests-reset", "2030-01-01T00:00:00Z")],
        policy,
    )
    .await;
    assert_eq!(
        lines(&headers, "anthropic-ratelimit-requests-reset"),
        ["2030-01-01T00:00:00Z"]
    );
    assert!(!headers.contains_key("anthropic-ratelimit-requests-limit"));
}

#[tokio::test]
async fn up_to_draft_7_the_remaining_field_has_one_value_and_the_policy_is_a_list() {
    let own = &[
        ("ratelimit", "limit=9, remaining=7, reset=5"),
        ("ratelimit-policy", "9;w=5"),
    ];
    let headers = with(own, requests_and_tokens().dialect(IetfDraft::Draft07)).await;
    assert_eq!(
        lines(&headers, "ratelimit"),
        ["limit=9, remaining=7, reset=5"]
    );
    assert_eq!(
        lines(&headers, "ratelimit-policy"),
        ["9;w=5", "5;w=60, 1000;w=60"]
    );

    let own = &[("ratelimit-remaining", "7"), ("ratelimit-policy", "9;w=5")];
    let headers = with(own, requests_and_tokens().dialect(IetfDraft::Draft06)).await;
    assert_eq!(lines(&headers, "ratelimit-remaining"), ["7"]);
    assert!(!headers.contains_key("ratelimit-limit"));
    assert_eq!(
        lines(&headers, "ratelimit-policy"),
        ["9;w=5", "5;w=60, 1000;w=60"]
    );
}

#[tokio::test]
async fn a_list_does_not_grow_behind_a_dictionary() {
    for own in [
        "limit=9, remaining=7, reset=5",
        " limit=9",
        "remaining=7,limit=9;w=5",
    ] {
        let headers = with(
            Box::leak(Box::new([("ratelimit", own)])),
            requests_and_tokens(),
        )
        .await;
        assert_eq!(lines(&headers, "ratelimit"), [own]);
        assert_eq!(
            lines(&headers, "ratelimit-policy"),
            [r#""rpm";q=5;w=60, "tpm";q=1000;w=60"#]
        );
    }
    // Lists that other layers or the service have set, valid or not.
    for own in [
        r#""own";r=7"#,
        "own;r=7",
        "default",
        "5;w=7",
        "",
        "=",
        ":cGs=:;r=1",
    ] {
        let headers = with(
            Box::leak(Box::new([("ratelimit", own)])),
            requests_and_tokens(),
        )
        .await;
        assert_eq!(
            lines(&headers, "ratelimit"),
            [own, r#""rpm";r=4;t=12, "tpm";r=600;t=24"#]
        );
    }
}

/// Three layers with different dialects, in any order. Each header can be parsed, and occurs once
/// unless it is a list.
#[tokio::test]
async fn every_field_of_three_layers_of_any_dialects_can_be_read() {
    let dialects: [Dialect; 6] = [
        IetfDraft::Draft06.into(),
        IetfDraft::Draft07.into(),
        IetfDraft::Draft11.into(),
        XRateLimit::unix_time().into(),
        OpenAi::new().requests("rpm").tokens("tpm").into(),
        Anthropic::new().requests("rpm").tokens("tpm").into(),
    ];
    for order in 0..dialects.len().pow(3) {
        let (limiter, _) = memory();
        let chosen = [order % 6, order / 6 % 6, order / 36];
        let mut app = axum::Router::new().fallback(async || "hello");
        for (place, dialect) in chosen.into_iter().enumerate() {
            let policy = requests_and_tokens()
                .resource(tollgate::layer::keys::fixed(format!("layer-{place}")));
            // The layer in the middle denies the second request.
            let policy = if place == 1 {
                policy.cost("tpm", 600)
            } else {
                policy
            };
            app = app.layer(layer(&limiter, policy.dialect(dialects[dialect].clone())));
        }
        for status in [200, 429] {
            let response = ask(&app, from("alice")).await;
            assert_eq!(response.status(), status);
            let headers = response.headers();
            for name in headers.keys() {
                let lines = lines(headers, name.as_str());
                let joined = lines.join(", ");
                let (list, dictionary) = (
                    Parser::new(&joined).parse::<List>().is_ok(),
                    Parser::new(&joined)
                        .parse::<Dictionary>()
                        .is_ok_and(|read| read.contains_key("limit")),
                );
                match name.as_str() {
                    "ratelimit" => assert!(dictionary || list, "{chosen:?}: {joined}"),
                    "ratelimit-policy" => assert!(list, "{chosen:?}: {joined}"),
                    _ => assert_eq!(lines.len(), 1, "{chosen:?}: {name}: {joined}"),
                }
            }
            assert_eq!(headers.contains_key("retry-after"), status == 429);
            let told = headers
                .keys()
                .any(|name| name.as_str().contains("ratelimit"));
            assert!(told, "{chosen:?}: {headers:?}");
        }
    }
}

#[tokio::test]
async fn the_inner_one_of_nested_layers_speaks_for_both() {
    let (limiter, _) = memory();
    let inner = layer(
        &limiter,
        requests_and_tokens().dialect(XRateLimit::seconds().of("rpm")),
    );
    let outer = requests_and_tokens().resource(tollgate::layer::keys::fixed("outer"));
    let outer = layer(&limiter, outer.dialect(XRateLimit::seconds().of("tpm")));
    let response = ask(&app(inner, || "hello").layer(outer), from("alice")).await;
    let names = [
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ];
    assert_eq!(
        fields(&response, names),
        ["5", "4", "12"].map(|value| Some(value.to_owned()))
    );
}
