//! Leases of nested layers.

use axum::Router;
use tollgate::{Limit, layer::Settle};

use super::ROLLED_BACK;
use crate::world::{
    alices_tokens, app, ask, from, gated, layer, left_of, memory, per_user, ten_tokens,
};

#[tokio::test]
async fn a_denial_of_the_inner_layer_refunds_the_outer_lease() {
    for (limiter, _) in [memory(), gated()] {
        let inner =
            per_user(Limit::per_hour("rph", 1)).resource(tollgate::layer::keys::fixed("inner"));
        let app: Router =
            app(layer(&limiter, inner), || "hello").layer(layer(&limiter, ten_tokens()));
        assert_eq!(ask(&app, from("alice")).await.status(), 200);
        assert_eq!(alices_tokens(&limiter).await, 90);
        assert_eq!(ask(&app, from("alice")).await.status(), 429);
        assert_eq!(alices_tokens(&limiter).await, 90, "as it was before");
    }
}

#[tokio::test]
async fn any_answer_of_the_inner_layer_refunds_the_outer_lease() {
    let (limiter, _) = memory();
    let inner = per_user(Limit::per_hour("rph", 1)).entity(tollgate::layer::keys::bearer_token());
    let app = app(layer(&limiter, inner), || "hello").layer(layer(&limiter, ten_tokens()));
    assert_eq!(ask(&app, from("alice")).await.status(), 401);
    assert_eq!(alices_tokens(&limiter).await, ROLLED_BACK);
}

#[tokio::test]
async fn a_429_of_the_service_itself_refunds_nothing() {
    let (limiter, _) = memory();
    let app = app(layer(&limiter, ten_tokens()), || {
        http::StatusCode::TOO_MANY_REQUESTS
    });
    assert_eq!(ask(&app, from("alice")).await.status(), 429);
    assert_eq!(alices_tokens(&limiter).await, 90);
}

#[tokio::test]
async fn each_layer_settles_its_own_lease() {
    let (limiter, _) = memory();
    let inner = per_user(Limit::per_minute("tpm", 50))
        .resource(tollgate::layer::keys::fixed("inner"))
        .settle("tpm", Settle::header("x-used"));
    let outer = ten_tokens().settle("tpm", Settle::header("x-used").strip());
    let app = app(layer(&limiter, inner), || [("x-used", "30")]).layer(layer(&limiter, outer));
    let response = ask(&app, from("alice")).await;
    assert!(!response.headers().contains_key("x-used"));
    assert_eq!(alices_tokens(&limiter).await, 70);
    assert_eq!(
        left_of(&limiter, "alice", "inner", &Limit::per_minute("tpm", 50)).await,
        20
    );
}

#[tokio::test]
async fn the_outer_layer_denies_first() {
    let (limiter, _) = memory();
    let outer = per_user(Limit::per_hour("rph", 1)).resource(tollgate::layer::keys::fixed("outer"));
    let app = app(layer(&limiter, ten_tokens()), || "hello").layer(layer(&limiter, outer));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(ask(&app, from("alice")).await.status(), 429);
    assert_eq!(alices_tokens(&limiter).await, 90);
}
