//! The units that limits count.

use tollgate::{
    Limit,
    layer::{QuotaUnit, ReportLimits},
};

use crate::world::{ask, from, hello, layer, memory, per_user, text};

async fn policy_with(units: &[(&str, QuotaUnit)], report: ReportLimits) -> String {
    let policy = per_user(Limit::per_minute("rpm", 5))
        .limit(Limit::per_minute("tpm", 1000))
        .cost("tpm", 900);
    let policy = units.iter().fold(policy, |policy, (limit, unit)| {
        policy.unit(*limit, unit.clone())
    });
    let response = ask(
        &hello(layer(&memory().0, policy.report(report))),
        from("alice"),
    )
    .await;
    let value = text(&response, "ratelimit-policy")
        .expect("a field")
        .to_owned();
    sfv::Parser::new(&value)
        .parse::<sfv::List>()
        .expect("a structured field");
    value
}

#[tokio::test]
async fn limits_that_do_not_count_requests_say_so() {
    for (unit, name) in [
        (QuotaUnit::other("tokens"), "tokens"),
        (QuotaUnit::ContentBytes, "content-bytes"),
        (QuotaUnit::ConcurrentRequests, "concurrent-requests"),
    ] {
        assert_eq!(
            policy_with(&[("tpm", unit.clone())], ReportLimits::All).await,
            format!(r#""rpm";q=5;w=60, "tpm";q=1000;qu="{name}";w=60"#)
        );
        assert_eq!(
            policy_with(&[("tpm", unit)], ReportLimits::Nearest).await,
            format!(r#""tpm";q=1000;qu="{name}";w=60"#)
        );
    }
}

#[tokio::test]
async fn a_limit_that_counts_requests_names_no_unit() {
    let units = [("rpm", QuotaUnit::Requests), ("tpm", QuotaUnit::Requests)];
    assert_eq!(
        policy_with(&units, ReportLimits::All).await,
        r#""rpm";q=5;w=60, "tpm";q=1000;w=60"#
    );
}

#[tokio::test]
async fn the_last_unit_that_is_given_counts() {
    let units = [
        ("tpm", QuotaUnit::ContentBytes),
        ("tpm", QuotaUnit::other("tokens")),
    ];
    assert_eq!(
        policy_with(&units, ReportLimits::All).await,
        r#""rpm";q=5;w=60, "tpm";q=1000;qu="tokens";w=60"#
    );
}
