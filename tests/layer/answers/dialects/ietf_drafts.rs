//! The IETF draft in its revisions.

use sfv::{BareItem, Dictionary, List, ListEntry, Parser};
use tollgate::layer::{IetfDraft, ReportLimits};

use super::{all, fields, requests_and_tokens, three};

#[tokio::test]
async fn up_to_draft_6_the_nearest_limit_has_three_fields() {
    const NAMES: [&str; 4] = [
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "ratelimit-policy",
    ];
    let [first, _, denied] = three(requests_and_tokens().dialect(IetfDraft::Draft06)).await;
    assert_eq!(
        all(&first, NAMES),
        ["1000", "600", "24", "5;w=60, 1000;w=60"]
    );
    assert_eq!(
        all(&denied, NAMES),
        ["1000", "200", "12", "5;w=60, 1000;w=60"],
        "a denial's reset is Retry-After"
    );
    assert_eq!(fields(&first, ["ratelimit"]), [None]);
}

#[tokio::test]
async fn draft_7_has_a_dictionary() {
    let [first, _, denied] = three(requests_and_tokens().dialect(IetfDraft::Draft07)).await;
    for (response, value) in [
        (&first, "limit=1000, remaining=600, reset=24"),
        (&denied, "limit=1000, remaining=200, reset=12"),
    ] {
        assert_eq!(
            all(response, ["ratelimit", "ratelimit-policy"]),
            [value, "5;w=60, 1000;w=60"]
        );
        let parsed: Dictionary = Parser::new(value).parse().expect("a dictionary");
        assert_eq!(
            parsed.keys().map(|key| key.as_str()).collect::<Vec<_>>(),
            ["limit", "remaining", "reset"]
        );
        let policies: List = Parser::new("5;w=60, 1000;w=60").parse().expect("a list");
        let is_integer = |entry: &ListEntry| match entry {
            ListEntry::Item(item) => matches!(item.bare_item, BareItem::Integer(_)),
            ListEntry::InnerList(_) => false,
        };
        assert!(policies.iter().all(is_integer));
    }
}

#[tokio::test]
async fn up_to_draft_7_a_quota_stands_once_in_the_policy() {
    let policy = requests_and_tokens()
        .limit(tollgate::Limit::per_hour("rph", 5))
        .dialect(IetfDraft::Draft07);
    let [first, ..] = three(policy).await;
    assert_eq!(all(&first, ["ratelimit-policy"]), ["5;w=60, 1000;w=60"]);
}

#[tokio::test]
async fn drafts_8_to_11_have_a_list_of_limits() {
    for policy in [
        requests_and_tokens().dialect(IetfDraft::Draft11),
        requests_and_tokens(),
    ] {
        let [first, second, denied] = three(policy).await;
        let policies = r#""rpm";q=5;w=60, "tpm";q=1000;w=60"#;
        for (response, left) in [
            (first, r#""rpm";r=4;t=12, "tpm";r=600;t=24"#),
            (second, r#""rpm";r=3;t=24, "tpm";r=200;t=48"#),
            (denied, r#""rpm";r=3;t=12, "tpm";r=200;t=12"#),
        ] {
            assert_eq!(
                all(&response, ["ratelimit-policy", "ratelimit"]),
                [policies, left]
            );
        }
    }
}

#[tokio::test]
async fn the_nearest_limit_alone_has_its_own_policy() {
    for (draft, policy) in [
        (IetfDraft::Draft11, r#""tpm";q=1000;w=60"#),
        (IetfDraft::Draft07, "1000;w=60"),
    ] {
        let policy_of = requests_and_tokens()
            .dialect(draft)
            .report(ReportLimits::Nearest);
        let [first, ..] = three(policy_of).await;
        assert_eq!(all(&first, ["ratelimit-policy"]), [policy]);
    }
}
