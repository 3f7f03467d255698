//! Settlement by the outcome of the request.

use axum::body::Body;
use http::{Request, Response, StatusCode};
use tollgate::{
    Limit,
    layer::{InvalidPolicy, Outcome, PolicyBuilder, Settle},
};
use tower::{Layer, ServiceExt};

use crate::{
    bodies::collect,
    world::{alices_tokens, app, ask, from, layer, memory, ten_tokens, tokens},
};

fn rpm() -> Limit {
    Limit::per_minute("rpm", 5)
}

/// Returns what is left of `tpm` and `rpm` after a response with this status.
async fn left_after(policy: PolicyBuilder, status: u16) -> [i64; 2] {
    let (limiter, _) = memory();
    let status = StatusCode::from_u16(status).unwrap();
    let app = app(layer(&limiter, policy.limit(rpm())), move || {
        (status, [("x-used", "30")], "body")
    });
    let response = ask(&app, from("alice")).await;
    assert_eq!(response.status(), status);
    collect(response.into_body()).await.unwrap();
    let available = limiter
        .available("alice", "api")
        .limits([tokens(), rpm()])
        .await
        .unwrap();
    ["tpm", "rpm"].map(|name| available.get(name).unwrap().available)
}

#[tokio::test]
async fn every_status_keeps_the_charge_by_default() {
    for status in [200, 204, 301, 304, 400, 404, 429, 499, 500, 503, 599, 999] {
        assert_eq!(left_after(ten_tokens(), status).await, [90, 4], "{status}");
    }
}

#[tokio::test]
async fn an_outcome_can_depend_on_the_status() {
    let policy = || {
        ten_tokens()
            .on_status(400..=499, Outcome::refund(["tpm"]))
            .on_status(500.., Outcome::Refund)
    };
    for (status, left) in [
        (200, [90, 4]),
        (399, [90, 4]),
        (400, [100, 4]),
        (499, [100, 4]),
        (500, [100, 5]),
        (599, [100, 5]),
        (999, [100, 5]),
    ] {
        assert_eq!(left_after(policy(), status).await, left, "{status}");
    }
    let exclusive = || ten_tokens().on_status(400..404, Outcome::Refund);
    assert_eq!(left_after(exclusive(), 403).await, [100, 5]);
    assert_eq!(left_after(exclusive(), 404).await, [90, 4]);
}

#[tokio::test]
async fn the_first_outcome_rule_that_applies_holds() {
    let policy = || {
        ten_tokens()
            .on_status(503..=503, Outcome::Keep)
            .on_response(|head| {
                (head.status == 501).then_some(Outcome::RefundLimits(vec!["rpm".to_owned()]))
            })
            .refund_server_errors()
    };
    for (status, left) in [
        (500, [100, 5]),
        (501, [90, 5]),
        (502, [100, 5]),
        (503, [90, 4]),
        (400, [90, 4]),
    ] {
        assert_eq!(left_after(policy(), status).await, left, "{status}");
    }
}

#[tokio::test]
async fn an_outcome_closure_sees_headers() {
    let policy = || {
        ten_tokens().on_response(|head| {
            head.headers
                .contains_key("x-used")
                .then_some(Outcome::Refund)
        })
    };
    assert_eq!(left_after(policy(), 200).await, [100, 5]);
    assert_eq!(
        left_after(
            policy().settle("tpm", Settle::header("x-used").strip()),
            200
        )
        .await,
        [100, 5]
    );
}

#[tokio::test]
async fn an_outcome_closure_may_name_unknown_limits() {
    let policy = ten_tokens().on_response(|_| Some(Outcome::refund(["nonsense", "tpm"])));
    assert_eq!(left_after(policy, 200).await, [100, 4]);
}

#[tokio::test]
async fn an_outcome_goes_before_the_amounts_of_rules() {
    let policy = || {
        ten_tokens()
            .settle("tpm", Settle::header("x-used"))
            .settle("tpm", Settle::bytes(|bytes| bytes))
            .settle("rpm", Settle::bytes(|_| 3))
    };
    assert_eq!(left_after(policy(), 200).await, [96, 2]);
    assert_eq!(
        left_after(policy().refund_server_errors(), 500).await,
        [100, 5]
    );
    assert_eq!(
        left_after(policy().on_status(500..=500, Outcome::refund(["tpm"])), 500).await,
        [100, 2]
    );
}

#[tokio::test]
async fn the_limits_of_outcome_rules_are_checked() {
    let unknown = |policy: PolicyBuilder| match policy.build() {
        Err(InvalidPolicy::UnknownLimit(name)) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        unknown(ten_tokens().on_status(400.., Outcome::refund(["nonsense"]))),
        "nonsense"
    );
    assert_eq!(
        unknown(ten_tokens().on_error(Outcome::refund(["nonsense"]))),
        "nonsense"
    );
    assert_eq!(
        unknown(ten_tokens().on_panic(Outcome::refund(["nonsense"]))),
        "nonsense"
    );
}

/// Returns the tokens left after the inner service has failed.
async fn left_after_an_error(policy: PolicyBuilder) -> i64 {
    let (limiter, _) = memory();
    let inner = tower::service_fn(async |_: Request<Body>| Err::<Response<Body>, _>("broken"));
    assert_eq!(
        layer(&limiter, policy)
            .layer(inner)
            .oneshot(from("alice"))
            .await
            .err(),
        Some("broken")
    );
    alices_tokens(&limiter).await
}

#[tokio::test]
async fn an_inner_error_keeps_the_charge_unless_told_otherwise() {
    assert_eq!(
        left_after_an_error(ten_tokens()).await,
        90,
        "a client can provoke it by its body: fault A2"
    );
    assert_eq!(
        left_after_an_error(ten_tokens().on_error(Outcome::Refund)).await,
        100
    );
    assert_eq!(
        left_after_an_error(ten_tokens().on_error(Outcome::Keep)).await,
        90
    );
    assert_eq!(
        left_after_an_error(ten_tokens().on_error(Outcome::refund(["tpm"]))).await,
        100
    );
    assert_eq!(
        left_after_an_error(ten_tokens().limit(rpm()).on_error(Outcome::refund(["rpm"]))).await,
        90
    );
}
