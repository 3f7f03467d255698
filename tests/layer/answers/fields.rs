//! The fields are structured fields, whatever the limits are.

use std::time::Duration;

use sfv::{BareItem, Item, List, ListEntry, Parser};
use tollgate::{Limit, layer::Settle};

use crate::world::{app, ask, from, layer, memory, per_user};

/// The items of a field, its lines joined as a client joins them.
fn items(response: &http::Response<axum::body::Body>, field: &str) -> Vec<Item> {
    let lines: Vec<_> = response.headers().get_all(field).iter().map(|line| line.to_str().unwrap()).collect();
    let list = Parser::new(&lines.join(", ")).parse::<List>().expect("a structured field");
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

/// Its parameters, which must be these, in order, all of them whole numbers that are not negative.
fn numbers<const N: usize>(item: &Item, keys: [&str; N]) -> [i64; N] {
    assert_eq!(item.params.keys().map(|key| key.as_str()).collect::<Vec<_>>(), keys);
    keys.map(|key| {
        let number = i64::from(item.params[key].as_integer().expect("an integer"));
        assert!((0..=999_999_999_999_999).contains(&number), "{number}");
        number
    })
}

#[tokio::test]
async fn of_any_limits() {
    let random = &mut fastrand::Rng::with_seed(7);
    for _ in 0..100 {
        let most = if random.bool() { Limit::MAX_TOKENS } else { 1000 };
        let capacity = random.u64(1..=most);
        let period = Duration::from_millis(random.u64(1..=1_000_000_000_000));
        let one = Limit::custom("one_1.x-y", capacity, random.u64(1..=most), period).unwrap();
        let two = Limit::custom("Z", random.u64(1..=most), random.u64(1..=most), period).unwrap();
        let policy = per_user(one.clone()).limit(two).cost("one_1.x-y", random.u64(0..=capacity));
        let policy = policy.settle("Z", Settle::header("x-used"));
        let used = random.u64(0..=Limit::MAX_TOKENS).to_string();
        let app = app(layer(&memory().0, policy), move || [("x-used", used.clone())]);
        for _ in 0..3 {
            let response = ask(&app, from("alice")).await;
            let [policies, lefts] = ["ratelimit-policy", "ratelimit"].map(|field| items(&response, field));
            for items in [&policies, &lefts] {
                assert_eq!(items.iter().map(name).collect::<Vec<_>>(), ["one_1.x-y", "Z"]);
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
async fn lines_of_nested_layers_are_one_list() {
    let (limiter, _) = memory();
    let outer = per_user(Limit::per_hour("rph", 100)).resource(tollgate::layer::keys::fixed("outer"));
    let app = app(layer(&limiter, per_user(Limit::per_minute("rpm", 10))), || "hello").layer(layer(&limiter, outer));
    let response = ask(&app, from("alice")).await;
    assert_eq!(items(&response, "ratelimit").iter().map(name).collect::<Vec<_>>(), ["rpm", "rph"]);
    assert_eq!(items(&response, "ratelimit-policy").iter().map(name).collect::<Vec<_>>(), ["rpm", "rph"]);
}
