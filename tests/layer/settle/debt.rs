//! Real use may drive a bucket into debt, which is paid before later requests are granted.

use std::time::Duration;

use tollgate::{RateLimiter, clock::ManualClock, layer::Settle};

use crate::world::{alices_tokens, app, ask, from, gated, layer, memory, ten_tokens, text};

async fn debt_is_paid_before_anything_is_granted(limiter: RateLimiter, clock: ManualClock) {
    let app = app(
        layer(
            &limiter,
            ten_tokens().settle("tpm", Settle::header("x-used")),
        ),
        || [("x-used", "250")],
    );
    let granted = ask(&app, from("alice")).await;
    assert_eq!(granted.status(), 200);
    assert_eq!(
        text(&granted, "ratelimit"),
        Some(r#""tpm";r=0;t=150"#),
        "never below 0"
    );
    assert_eq!(alices_tokens(&limiter).await, -150);

    // 160 tokens at 100 a minute.
    let denied = ask(&app, from("alice")).await;
    assert_eq!(
        (denied.status().as_u16(), text(&denied, "retry-after")),
        (429, Some("96"))
    );
    // The denial makes a task of its own write the debt, without waiting for a timer.
    tokio::task::yield_now().await;
    clock.advance(Duration::from_secs(95));
    assert_eq!(ask(&app, from("alice")).await.status(), 429);
    clock.advance(Duration::from_secs(1));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_debt_is_paid_before_a_request_is_granted_in_memory() {
    let (limiter, clock) = memory();
    debt_is_paid_before_anything_is_granted(limiter, clock).await;
}

#[tokio::test(start_paused = true)]
async fn a_debt_is_paid_before_a_request_is_granted_through_gates() {
    let (limiter, clock) = gated();
    debt_is_paid_before_anything_is_granted(limiter, clock).await;
}
