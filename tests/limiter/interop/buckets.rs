//! Both clients charge, settle and give back on one bucket.

use serde_json::{Value, json};
use tollgate::{Limit, RateLimiter};

use super::peer::{Maker, table_or_skip};

/// Returns limits so slow that nothing is refilled while a test runs.
fn limits() -> [Limit; 2] {
    [Limit::per_day("rpd", 10), Limit::per_day("tpd", 1000)]
}

fn their_limits() -> Value {
    json!(limits().map(|limit| json!({
        "name": limit.name(),
        "capacity": limit.capacity(),
        "refill_amount": limit.refill_amount(),
        "refill_period_seconds": 86_400,
    })))
}

async fn ours(limiter: &RateLimiter, name: &str) -> i64 {
    let available = limiter
        .available("u1", "api")
        .limits(limits())
        .await
        .unwrap();
    available.get(name).unwrap().available
}

fn their_acquire(rpd: u64, tpd: u64) -> Value {
    json!({"op": "acquire", "entity": "u1", "resource": "api", "consume": {"rpd": rpd, "tpd": tpd}, "limits": their_limits()})
}

async fn both_charge_one_bucket(maker: Maker) {
    let mut table = table_or_skip!(maker);
    let limiter = table.ours.clone();
    table.theirs.ask(their_acquire(3, 100)).await;
    assert_eq!(
        (ours(&limiter, "rpd").await, ours(&limiter, "tpd").await),
        (7, 900)
    );

    let mut lease = limiter
        .acquire("u1", "api")
        .limits(limits())
        .cost("rpd", 4)
        .cost("tpd", 200)
        .await
        .unwrap();
    assert_eq!(
        table.theirs.available("u1", "rpd", &their_limits()).await,
        3
    );
    lease.settle("tpd", 850).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(
        table.theirs.available("u1", "tpd", &their_limits()).await,
        50
    );

    // If one client denies, so does the other.
    assert_eq!(
        table.theirs.try_ask(their_acquire(4, 1)).await["error"],
        "denied"
    );
    let denied = limiter
        .acquire("u1", "api")
        .limits(limits())
        .cost("rpd", 4)
        .cost("tpd", 1)
        .await
        .unwrap_err();
    assert_eq!(
        denied
            .denied()
            .unwrap()
            .primary()
            .unwrap()
            .limit
            .name()
            .as_str(),
        "rpd"
    );

    // Each client gives back its charge.
    limiter
        .acquire("u1", "api")
        .limits(limits())
        .cost("rpd", 3)
        .cost("tpd", 50)
        .await
        .unwrap()
        .rollback()
        .await
        .unwrap();
    assert_eq!(
        table.theirs.available("u1", "rpd", &their_limits()).await,
        3
    );
    let mut held = their_acquire(3, 50);
    held["hold"] = json!("lease");
    table.theirs.ask(held).await;
    assert_eq!(ours(&limiter, "rpd").await, 0);
    table
        .theirs
        .ask(json!({"op": "rollback", "hold": "lease"}))
        .await;
    assert_eq!(
        (ours(&limiter, "rpd").await, ours(&limiter, "tpd").await),
        (3, 50)
    );
    limiter
        .acquire("u1", "api")
        .limits(limits())
        .cost("rpd", 3)
        .cost("tpd", 50)
        .await
        .unwrap()
        .commit();
    assert_eq!(
        table.theirs.try_ask(their_acquire(1, 0)).await["error"],
        "denied"
    );
    assert!(table.engine.endpoint().starts_with("http://127.0.0.1"));
}

#[tokio::test]
async fn both_clients_share_a_bucket_on_a_table_of_ours() {
    both_charge_one_bucket(Maker::Ours).await;
}

#[tokio::test]
async fn both_clients_share_a_bucket_on_a_table_of_the_python_client() {
    both_charge_one_bucket(Maker::Theirs).await;
}
