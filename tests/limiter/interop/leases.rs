//! Leases of each client as the other one sees them, and buckets as both list them.

use serde_json::{Value, json};
use tollgate::{EntityId, Lease, Limit, RateLimiter, model::LimitName};

use super::peer::{Maker, Peer, table_or_skip};

/// Returns limits so slow that nothing is refilled while a test runs.
fn limits() -> [Limit; 2] {
    [Limit::per_day("rpd", 10), Limit::per_day("tpd", 1000)]
}

fn their_limits() -> Value {
    let row = |limit: Limit| {
        let amount = limit.capacity();
        json!({"name": limit.name(), "capacity": amount, "refill_amount": amount, "refill_period_seconds": 86_400})
    };
    limits().map(row).into_iter().collect()
}

async fn hold(theirs: &mut Peer, tpd: u64) {
    let consume = json!({"rpd": 1, "tpd": tpd});
    let acquire = json!({"op": "acquire", "entity": "u1", "resource": "api", "consume": consume, "hold": "it"});
    let mut acquire = acquire;
    acquire["limits"] = their_limits();
    theirs.ask(acquire).await;
}

async fn of_the_hold(theirs: &mut Peer, op: &str, tpd: i64) {
    let mut request = json!({"op": op, "hold": "it"});
    if tpd != 0 {
        request["amounts"] = json!({"tpd": tpd});
    }
    theirs.ask(request).await;
}

async fn lease(limiter: &RateLimiter, tpd: u64) -> Lease {
    limiter
        .acquire("u1", "api")
        .limits(limits())
        .cost("tpd", tpd)
        .await
        .unwrap()
}

/// Returns the whole tokens of `tpd` as each client sees them.
async fn left(limiter: &RateLimiter, theirs: &mut Peer) -> (i64, i64) {
    let ours = limiter
        .available("u1", "api")
        .limits(limits())
        .await
        .unwrap()
        .get("tpd")
        .unwrap()
        .available;
    (ours, theirs.available("u1", "tpd", &their_limits()).await)
}

async fn leases(maker: Maker) {
    let mut table = table_or_skip!(maker);
    let (limiter, theirs) = (table.ours.clone(), &mut table.theirs);

    // Leases of the Python client: adjusted up and down, and with more consumed.
    hold(theirs, 100).await;
    assert_eq!(left(&limiter, theirs).await, (900, 900));
    of_the_hold(theirs, "adjust", 50).await;
    of_the_hold(theirs, "commit", 0).await;
    assert_eq!(left(&limiter, theirs).await, (850, 850));
    hold(theirs, 100).await;
    of_the_hold(theirs, "adjust", -40).await;
    of_the_hold(theirs, "commit", 0).await;
    assert_eq!(left(&limiter, theirs).await, (790, 790));
    hold(theirs, 100).await;
    of_the_hold(theirs, "consume", 90).await;
    of_the_hold(theirs, "commit", 0).await;
    assert_eq!(left(&limiter, theirs).await, (600, 600));

    // Our leases: the same, and with tokens released.
    let mut held = lease(&limiter, 100).await;
    assert_eq!(left(&limiter, theirs).await, (500, 500));
    held.adjust("tpd", 50).unwrap();
    held.commit().await.unwrap();
    assert_eq!(left(&limiter, theirs).await, (450, 450));
    let mut held = lease(&limiter, 100).await;
    held.release("tpd", 40).unwrap();
    held.commit().await.unwrap();
    assert_eq!(left(&limiter, theirs).await, (390, 390));
    let mut held = lease(&limiter, 100).await;
    held.consume("tpd", 90).await.unwrap();
    assert_eq!(left(&limiter, theirs).await, (200, 200));
    held.rollback().await.unwrap();
    assert_eq!(left(&limiter, theirs).await, (390, 390));

    // One client drives the bucket into debt, and the other one denies; then the reverse.
    hold(theirs, 100).await;
    of_the_hold(theirs, "adjust", 390).await;
    of_the_hold(theirs, "commit", 0).await;
    assert_eq!(left(&limiter, theirs).await, (-100, -100));
    let one = || {
        limiter
            .acquire("u1", "api")
            .limits(limits())
            .cost("tpd", 1)
            .into_future()
    };
    assert!(one().await.unwrap_err().denied().is_some());

    // Both clients list the same bucket.
    let mut buckets = limiter
        .entities()
        .buckets(&EntityId::new("u1").unwrap())
        .all()
        .await
        .unwrap();
    let (key, ours) = buckets.pop().unwrap();
    let of_theirs = theirs.ask(json!({"op": "buckets", "entity": "u1"})).await;
    assert_eq!((key.resource.as_str(), buckets.len()), ("api", 0));
    for name in ["rpd", "tpd"] {
        let ours = ours.limit(&LimitName::new(name).unwrap()).unwrap();
        let row = of_theirs
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["limit_name"] == name)
            .unwrap();
        assert_eq!(row["tokens_milli"], ours.level.tokens);
        assert_eq!(row["total_consumed_milli"], ours.consumed);
        assert_eq!(row["capacity_milli"], ours.parameters.capacity());
        assert_eq!(row["resource"], "api");
    }
}

#[tokio::test]
async fn each_client_sees_the_others_leases_on_a_table_of_ours() {
    leases(Maker::Ours).await;
}

#[tokio::test]
async fn each_client_sees_the_others_leases_on_a_table_of_the_python_client() {
    leases(Maker::Theirs).await;
}
