//! The headers are structured fields for all limits.

use std::time::Duration;

use sfv::{BareItem, Item, List, ListEntry, Parser};
use tollgate::{
    Limit,
    layer::{QuotaUnit, Settle},
};

use crate::world::{app, ask, from, layer, memory, per_user};

/// Returns the items of a field, with its lines joined as a client joins them.
fn items(response: &http::Response<axum::body::Body>, field: &str) -> Vec<Item> {
    let lines: Vec<_> = response
        .headers()
        .get_all(field)
        .iter()
        .map(|line| line.to_str().unwrap())
        .collect();
    let list = Parser::new(&lines.join(", "))
        .parse::<List>()
        .expect("a structured field");
    list.into_iter()
        .map(|entry| match entry {
            ListEntry::Item(item) => item,
            ListEntry::InnerList(list) => panic!("{list:?}"),
        })
        .collect()
}

fn name(item: &Item) -> String {
    match &item.bare_item {
        BareItem::String(name) => name.as_str().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// Returns the parameters of an item, which must have these keys in order and be whole numbers that
/// are not negative.
fn numbers<const N: usize>(item: &Item, keys: [&str; N]) -> [i64; N] {
    assert_eq!(
        item.params
            .keys()
            .map(|key| key.as_str())
            .collect::<Vec<_>>(),
        keys
    );
    keys.map(|key| {
        let number = i64::from(item.params[key].as_integer().expect("an integer"));
        assert!((0..=999_999_999_999_999).contains(&number), "{number}");
        number
    })
}

#[tokio::test]
async fn fields_of_any_limits_are_structured_fields() {
    let random = &mut fastrand::Rng::with_seed(7);
    for _ in 0..100 {
        let most = if random.bool() {
            Limit::MAX_TOKENS
        } else {
            1000
        };
        let capacity = random.u64(1..=most);
        let period = Duration::from_millis(random.u64(1..=1_000_000_000_000));
        let one = Limit::new("one_1.x-y", capacity, random.u64(1..=most), period).unwrap();
        let two = Limit::new("Z", random.u64(1..=most), random.u64(1..=most), period).unwrap();
        let policy = per_user(one.clone())
            .limit(two)
            .cost("one_1.x-y", random.u64(0..=capacity));
        let policy = policy.settle("Z", Settle::header("x-used"));
        let used = random.u64(0..=Limit::MAX_TOKENS).to_string();
        let app = app(layer(&memory().0, policy), move || {
            [("x-used", used.clone())]
        });
        for _ in 0..3 {
            let response = ask(&app, from("alice")).await;
            let [policies, lefts] =
                ["ratelimit-policy", "ratelimit"].map(|field| items(&response, field));
            for items in [&policies, &lefts] {
                assert_eq!(
                    items.iter().map(name).collect::<Vec<_>>(),
                    ["one_1.x-y", "Z"]
                );
            }
            let [quota, window] = numbers(&policies[0], ["q", "w"]);
            assert_eq!(u64::try_from(quota).unwrap(), capacity);
            assert!(window >= 1);
            let [remaining, _] = numbers(&lefts[0], ["r", "t"]);
            assert!(remaining <= quota);
            numbers(&lefts[1], ["r", "t"]);
        }
    }
}

#[tokio::test]
async fn the_lines_of_nested_layers_are_one_list() {
    let (limiter, _) = memory();
    let outer =
        per_user(Limit::per_hour("rph", 100)).resource(tollgate::layer::keys::fixed("outer"));
    let app = app(
        layer(&limiter, per_user(Limit::per_minute("rpm", 10))),
        || "hello",
    )
    .layer(layer(&limiter, outer));
    let response = ask(&app, from("alice")).await;
    assert_eq!(
        items(&response, "ratelimit")
            .iter()
            .map(name)
            .collect::<Vec<_>>(),
        ["rpm", "rph"]
    );
    assert_eq!(
        items(&response, "ratelimit-policy")
            .iter()
            .map(name)
            .collect::<Vec<_>>(),
        ["rpm", "rph"]
    );
}

/// Returns a name of 1 to 64 of the characters that names of limits may have.
fn any_name(random: &mut fastrand::Rng) -> String {
    let length = if random.bool() {
        64
    } else {
        random.usize(1..=64)
    };
    let first = random.alphabetic();
    let other = |random: &mut fastrand::Rng| {
        if random.u8(0..4) == 0 {
            random.choice(['.', '_', '-']).unwrap()
        } else {
            random.alphanumeric()
        }
    };
    std::iter::once(first)
        .chain((1..length).map(|_| other(random)))
        .collect()
}

#[tokio::test]
async fn fields_of_any_names_units_and_keys_are_structured_fields() {
    let seed = fastrand::u64(..);
    let random = &mut fastrand::Rng::with_seed(seed);
    for _ in 0..200 {
        let mut limits: Vec<Limit> = Vec::new();
        while limits.len() < random.usize(1..=5) {
            let most = random.choice([3, 1000, Limit::MAX_TOKENS]).unwrap();
            let period = random.choice([1, 60_000, 3_155_760_000_000]).unwrap();
            let limit = Limit::new(
                any_name(random),
                random.u64(1..=most),
                random.u64(1..=most),
                Duration::from_millis(period),
            );
            limits.push(limit.expect("a limit"));
        }
        let name_of = |limit: &Limit| limit.name().to_string();
        if limits
            .iter()
            .map(name_of)
            .collect::<std::collections::HashSet<_>>()
            .len()
            < limits.len()
        {
            continue;
        }
        let mut policy = per_user(limits[0].clone());
        for limit in &limits[1..] {
            policy = policy.limit(limit.clone());
        }
        for limit in &limits {
            // The cost is the whole capacity, or little enough for some requests.
            policy = policy.cost(
                name_of(limit),
                random
                    .choice([limit.capacity(), 1, limit.capacity().div_ceil(2)])
                    .unwrap(),
            );
            policy = match random.u8(0..3) {
                0 => policy.unit(name_of(limit), QuotaUnit::other("any-Unit_1.x:y/z")),
                1 => policy.unit(name_of(limit), QuotaUnit::ContentBytes),
                _ => policy,
            };
        }
        let keyed = random.bool();
        if keyed {
            policy = policy.partition_keys([7; 32]);
        }
        let app = app(layer(&memory().0, policy), || "hello");
        for _ in 0..4 {
            let response = ask(&app, from("alice")).await;
            for (field, first) in [("ratelimit-policy", "q"), ("ratelimit", "r")] {
                let items = items(&response, field);
                let names: Vec<_> = items.iter().map(name).collect();
                assert_eq!(
                    names,
                    limits.iter().map(name_of).collect::<Vec<_>>(),
                    "seed {seed}"
                );
                for item in &items {
                    assert_eq!(item.params.keys().next().unwrap().as_str(), first);
                    assert_eq!(item.params.contains_key("pk"), keyed, "seed {seed}");
                    for (key, value) in &item.params {
                        match (key.as_str(), value) {
                            ("q" | "r" | "w" | "t", BareItem::Integer(number)) => {
                                assert!(
                                    i64::from(*number) >= i64::from(key.as_str() == "w"),
                                    "{key} is {number}, seed {seed}"
                                );
                            }
                            ("qu", BareItem::String(_)) | ("pk", BareItem::ByteSequence(_)) => {}
                            other => panic!("{other:?}, seed {seed}"),
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn fields_of_the_widest_and_the_fastest_limit_are_structured_fields() {
    let widest = Limit::new(
        "w",
        Limit::MAX_TOKENS,
        1,
        Duration::from_secs(1_000_000_000),
    )
    .unwrap();
    let fastest = Limit::new("f", 1, 1000, Duration::from_secs(1)).unwrap();
    let all = Limit::MAX_TOKENS;
    let app = app(
        layer(
            &memory().0,
            per_user(widest).limit(fastest).cost("w", all).cost("f", 0),
        ),
        || "hello",
    );
    for status in [200, 429] {
        let response = ask(&app, from("alice")).await;
        assert_eq!(response.status(), status);
        let policies = items(&response, "ratelimit-policy");
        assert_eq!(
            numbers(&policies[0], ["q", "w"]),
            [999_999_999_999_999; 2],
            "no integer has more than 15 digits"
        );
        assert_eq!(
            numbers(&policies[1], ["q", "w"]),
            [1, 1],
            "no window is shorter than a second"
        );
        assert_eq!(
            numbers(&items(&response, "ratelimit")[0], ["r", "t"]),
            [0, 999_999_999_999_999]
        );
    }
}
