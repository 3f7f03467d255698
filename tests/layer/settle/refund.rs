//! Refunds by the status of the response.

use http::StatusCode;
use tollgate::layer::Settle;

use crate::world::{alices_tokens, app, ask, from, layer, memory, ten_tokens, tokens};

async fn left_after(policy: tollgate::layer::PolicyBuilder, status: u16) -> i64 {
    let (limiter, _) = memory();
    let status = StatusCode::from_u16(status).unwrap();
    let app = app(layer(&limiter, policy), move || {
        (status, [("x-used", "30")])
    });
    assert_eq!(ask(&app, from("alice")).await.status(), status);
    alices_tokens(&limiter).await
}

#[tokio::test]
async fn errors_keep_the_charge_by_default() {
    for status in [200, 301, 400, 404, 429, 500, 503] {
        assert_eq!(left_after(ten_tokens(), status).await, 90, "{status}");
    }
}

#[tokio::test]
async fn server_errors_are_refunded_if_the_policy_says_so() {
    for (status, left) in [
        (200, 90),
        (404, 90),
        (429, 90),
        (499, 90),
        (500, 100),
        (502, 100),
        (599, 100),
    ] {
        assert_eq!(
            left_after(ten_tokens().refund_server_errors(), status).await,
            left,
            "{status}"
        );
    }
}

#[tokio::test]
async fn server_errors_are_refunded_whatever_the_headers_say() {
    let policy = || {
        ten_tokens()
            .settle("tpm", Settle::header("x-used"))
            .refund_server_errors()
    };
    assert_eq!(left_after(policy(), 200).await, 70);
    assert_eq!(left_after(policy(), 500).await, 100);
}

#[tokio::test]
async fn server_errors_are_refunded_for_all_limits() {
    let (limiter, _) = memory();
    let rpm = tollgate::Limit::per_minute("rpm", 5);
    let app = app(
        layer(
            &limiter,
            ten_tokens().limit(rpm.clone()).refund_server_errors(),
        ),
        || StatusCode::INTERNAL_SERVER_ERROR,
    );
    for _ in 0..20 {
        assert_eq!(ask(&app, from("alice")).await.status(), 500, "never denied");
    }
    let available = limiter
        .available("alice", "api")
        .limits([tokens(), rpm])
        .await
        .unwrap();
    assert_eq!(
        available
            .limits
            .iter()
            .map(|status| status.available)
            .collect::<Vec<_>>(),
        [100, 5]
    );
}
