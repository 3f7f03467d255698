//! A reset time in a dialect is never before the time at which the request would succeed.

use std::time::Duration;

use axum::body::Body;
use http::Response;
use sfv::{BareItem, Dictionary, List, ListEntry, Parser};
use tollgate::{
    Cost, Limit,
    clock::{Clock, ManualClock},
    layer::{Anthropic, Dialect, IetfDraft, Jitter, OpenAi, XRateLimit, cost},
    model::LimitStatus,
};

use crate::world::{ask, hello, layer, memory, per_user, text, with_headers};

const NAMES: [&str; 2] = ["one", "two"];

/// The reset time in a header, of one limit or of all together, in milliseconds from now.
struct Reset {
    limit: &'static str,
    millis: i64,
}

fn resets(response: &Response<Body>, clock: &ManualClock) -> Vec<Reset> {
    let mut resets = Vec::new();
    let seconds = |name: &str| {
        text(response, name).map(|value| value.parse::<i64>().expect("seconds") * 1000)
    };
    let mut add =
        |limit, millis: Option<i64>| resets.extend(millis.map(|millis| Reset { limit, millis }));
    for name in ["ratelimit-reset", "retry-after"] {
        add("all", seconds(name));
    }
    add(
        "all",
        seconds("x-ratelimit-reset").map(|resets| {
            if resets > 1_000_000_000_000 {
                resets - clock.now()
            } else {
                resets
            }
        }),
    );
    for (kind, limit) in [("requests", NAMES[0]), ("tokens", NAMES[1])] {
        add(
            limit,
            text(response, &format!("x-ratelimit-reset-{kind}")).map(go_duration),
        );
        let time = text(response, &format!("anthropic-ratelimit-{kind}-reset"));
        add(limit, time.map(|time| timestamp(time) - clock.now()));
    }
    let Some(value) = text(response, "ratelimit") else {
        return resets;
    };
    if let Ok(dictionary) = Parser::new(value).parse::<Dictionary>() {
        let ListEntry::Item(reset) = &dictionary["reset"] else {
            panic!("{value}")
        };
        let seconds = i64::from(reset.bare_item.as_integer().unwrap());
        resets.push(Reset {
            limit: "all",
            millis: seconds * 1000,
        });
        return resets;
    }
    for entry in Parser::new(value).parse::<List>().expect("a list") {
        let ListEntry::Item(item) = entry else {
            panic!("{value}")
        };
        let BareItem::String(name) = &item.bare_item else {
            panic!("{value}")
        };
        let limit = NAMES
            .into_iter()
            .find(|limit| *limit == name.as_str())
            .expect("a limit");
        resets.push(Reset {
            limit,
            millis: i64::from(item.params["t"].as_integer().unwrap()) * 1000,
        });
    }
    resets
}

/// Parses a duration as Go clients do.
fn go_duration(text: &str) -> i64 {
    let (mut millis, mut rest) = (0, text);
    while !rest.is_empty() {
        let digits = rest
            .find(|letter: char| !letter.is_ascii_digit())
            .expect("a unit");
        let number: i64 = rest[..digits].parse().expect("a number");
        let unit = rest[digits..]
            .find(|letter: char| letter.is_ascii_digit())
            .map_or(rest.len(), |end| digits + end);
        millis += number
            * match &rest[digits..unit] {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                other => panic!("{other} in {text}"),
            };
        rest = &rest[unit..];
    }
    millis
}

/// Parses a time with another implementation than ours. Returns epoch milliseconds.
fn timestamp(text: &str) -> i64 {
    use aws_smithy_types::date_time::{DateTime, Format};
    DateTime::from_str(text, Format::DateTime)
        .expect("RFC 3339")
        .to_millis()
        .unwrap()
}

fn dialects(random: &mut fastrand::Rng) -> Vec<Dialect> {
    let own: Vec<Dialect> = vec![
        if random.bool() {
            XRateLimit::seconds().into()
        } else {
            XRateLimit::unix_time().into()
        },
        OpenAi::new().requests(NAMES[0]).tokens(NAMES[1]).into(),
        Anthropic::new().requests(NAMES[0]).tokens(NAMES[1]).into(),
    ];
    let drafts = [IetfDraft::Draft06, IetfDraft::Draft07, IetfDraft::Draft11];
    own.into_iter()
        .chain([drafts[random.usize(0..3)].into()])
        .collect()
}

#[tokio::test]
async fn resets_are_never_too_early_in_a_thousand_random_states() {
    let seed = fastrand::u64(..);
    let random = &mut fastrand::Rng::with_seed(seed);
    let mut denied = 0;
    while denied < 1000 {
        let (limiter, clock) = memory();
        let limits = NAMES.map(|name| {
            let capacity = if random.bool() {
                random.u64(1..20)
            } else {
                random.u64(1..2_000_000)
            };
            let longest = if random.bool() { 5_000 } else { 90_000_000 };
            let period = Duration::from_millis(random.u64(1..longest));
            Limit::new(name, capacity, random.u64(1..=capacity * 2), period).unwrap()
        });
        let mut policy = per_user(limits[0].clone()).limit(limits[1].clone());
        policy = policy
            .estimate("one", cost::header("x-one"))
            .estimate("two", cost::header("x-two"));
        if random.bool() {
            policy = policy.jitter(Jitter::percent(random.u32(0..200)));
        }
        policy = dialects(random)
            .into_iter()
            .fold(policy, |policy, dialect| policy.dialect(dialect));
        let app = hello(layer(&limiter, policy));
        for _ in 0..30 {
            clock.advance(Duration::from_millis(if random.bool() {
                0
            } else {
                random.u64(0..10_000)
            }));
            let cost = limits
                .each_ref()
                .map(|limit| random.u64(0..=limit.capacity()));
            let texts = cost.map(|tokens| tokens.to_string());
            let request = [
                ("x-user", &b"alice"[..]),
                ("x-one", texts[0].as_bytes()),
                ("x-two", texts[1].as_bytes()),
            ];
            let response = ask(&app, with_headers(&request)).await;
            let mut costs = Cost::new();
            limits
                .iter()
                .zip(cost)
                .for_each(|(limit, tokens)| costs.set(limit.name().clone(), tokens));
            let state = limiter
                .available("alice", "api")
                .limits(limits.to_vec())
                .costs(&costs)
                .await
                .unwrap();
            let resets = resets(&response, &clock);
            assert!(resets.len() >= 6, "seed {seed}: {response:?}");
            if response.status() == 200 {
                continue;
            }
            let exact = state.retry_after().expect("it fits some time");
            for Reset { limit, millis } in resets {
                let wait = state
                    .get(limit)
                    .map_or(Some(exact), |status: &LimitStatus| status.retry_after);
                let wait = i64::try_from(wait.unwrap().as_millis()).unwrap();
                assert!(
                    millis >= wait,
                    "{limit}: {millis} ms are stated for {wait}, seed {seed}: {response:?}"
                );
            }
            denied += 1;
        }
    }
}
