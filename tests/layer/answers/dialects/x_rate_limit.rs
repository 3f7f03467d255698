//! `X-RateLimit-*`.

use tollgate::layer::{ReportLimits, XRateLimit};

use super::{all, fields, requests_and_tokens, three};

const NAMES: [&str; 3] = [
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

#[tokio::test]
async fn the_headers_report_the_limit_that_is_nearest_to_its_end() {
    let [first, _, denied] = three(requests_and_tokens().dialect(XRateLimit::seconds())).await;
    assert_eq!(all(&first, NAMES), ["1000", "600", "24"]);
    assert_eq!(all(&denied, NAMES), ["1000", "200", "48"], "full again");
    assert_eq!(
        fields(&first, ["ratelimit", "ratelimit-policy"]),
        [None, None]
    );
}

#[tokio::test]
async fn the_headers_report_a_limit_that_is_named() {
    let [first, _, denied] =
        three(requests_and_tokens().dialect(XRateLimit::seconds().of("rpm"))).await;
    assert_eq!(all(&first, NAMES), ["5", "4", "12"]);
    assert_eq!(all(&denied, NAMES), ["5", "3", "24"]);
}

#[tokio::test]
async fn the_reset_can_be_a_time() {
    let [first, ..] = three(requests_and_tokens().dialect(XRateLimit::unix_time())).await;
    assert_eq!(all(&first, NAMES), ["1000", "600", "1700000024"]);
}

#[tokio::test]
async fn a_named_limit_that_is_not_the_nearest_is_not_reported_if_only_the_nearest_is() {
    let policy = || requests_and_tokens().report(ReportLimits::Nearest);
    let [first, _, denied] = three(policy().dialect(XRateLimit::seconds().of("rpm"))).await;
    assert_eq!(fields(&first, NAMES), [None, None, None]);
    assert_eq!(all(&denied, NAMES), ["5", "3", "24"], "denials report all");
    let [first, ..] = three(policy().dialect(XRateLimit::seconds())).await;
    assert_eq!(all(&first, NAMES), ["1000", "600", "24"]);
    let [first, ..] = three(
        policy()
            .dialect(XRateLimit::seconds())
            .report(ReportLimits::Off),
    )
    .await;
    assert_eq!(fields(&first, NAMES), [None, None, None]);
}
