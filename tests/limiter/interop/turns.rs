//! A Python client and a limiter of ours take turns at one bucket: shards, expiry, write counter, debts.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    mixed::{KINDS, Kind, now},
    peer::{Maker, table_or_skip},
};

fn their_acquire(kind: &Kind, cost: i64) -> Value {
    let limit = json!({
        "name": "t", "capacity": kind.capacity, "refill_amount": kind.capacity, "refill_period_seconds": kind.period,
    });
    json!({"op": "acquire", "entity": "u1", "resource": kind.resource, "consume": {"t": cost}, "limits": [limit]})
}

/// Our own writes have used up the write counter, and its refill is as old as the anchor.
#[tokio::test]
async fn shards_of_the_python_client_stay_as_they_are_however_old_the_write_counter_is() {
    let mut table = table_or_skip!(Maker::Ours);
    let kind = &KINDS[1];
    let acquire = async || {
        table
            .ours
            .acquire("u1", "minute")
            .limits(kind.limit())
            .await
            .unwrap()
            .commit()
            .await
            .unwrap()
    };
    acquire().await;
    // A hundred writes a second for ten minutes.
    let rf = now() - 600_000;
    let tokens = kind.capacity * 1000 - kind.refill(600_000);
    table
        .set(
            "u1",
            "minute",
            [
                ("rf", rf),
                ("la", rf),
                ("b_t_tk", tokens),
                ("b_wcu_tk", -60_000_000),
            ],
        )
        .await;
    acquire().await;
    table.theirs.ask(their_acquire(kind, 1)).await;
    let (sample, item) = table.sample("u1", "minute").await;
    assert_eq!(
        (
            item["shard_count"].as_n().unwrap().as_str(),
            sample.consumed
        ),
        ("1", 3_000)
    );
    assert!(sample.level(kind) >= 57_000, "{sample:?}");
    // The Python client has been seen now, so our write refills the counter too.
    acquire().await;
    let (_, item) = table.sample("u1", "minute").await;
    assert!(item["b_wcu_tk"].as_n().unwrap().parse::<i64>().unwrap() > 900_000);
}

/// The Python client doubles the shards of a bucket. Both clients continue on all shards.
#[tokio::test]
async fn both_clients_spend_from_shards_of_the_python_client() {
    let mut table = table_or_skip!(Maker::Theirs);
    let kind = &KINDS[1];
    table.theirs.ask(their_acquire(kind, 4)).await;
    table
        .python("await repository.bump_shard_count('u1', 'minute', 1)")
        .await;
    let (mut ours, mut theirs) = (0, 4);
    for _ in 0..60 {
        let acquire = table
            .ours
            .acquire("u1", "minute")
            .limits(kind.limit())
            .cost("t", 1);
        if let Ok(lease) = acquire.await {
            lease.commit().await.unwrap();
            ours += 1;
        }
        theirs += i64::from(
            table
                .theirs
                .try_ask(their_acquire(kind, 1))
                .await
                .get("ok")
                .is_some(),
        );
    }
    let items: Vec<_> = table
        .items()
        .await
        .into_iter()
        .filter(|item| item["SK"].as_s().is_ok_and(|key| key == "#STATE"))
        .collect();
    let sum = |name: &str| {
        items
            .iter()
            .map(|item| item[name].as_n().unwrap().parse::<i64>().unwrap())
            .sum::<i64>()
    };
    assert_eq!(items.len(), 2);
    assert_eq!(sum("b_t_tc"), (ours + theirs) * 1000);
    assert!(ours > 10 && theirs > 10, "{ours} ours, {theirs} theirs");
    // The split of the Python client gives the new shard its half. The first shard is cut later.
    assert!(
        ours + theirs <= kind.capacity + kind.capacity / 2 + 10,
        "{ours} ours, {theirs} theirs"
    );
}

#[tokio::test]
async fn both_clients_use_a_bucket_that_had_expired() {
    let mut table = table_or_skip!(Maker::Theirs);
    let kind = &KINDS[1];
    table.theirs.ask(their_acquire(kind, 50)).await;
    table.set("u1", "minute", [("ttl", now() / 1000 - 1)]).await;
    table
        .ours
        .acquire("u1", "minute")
        .limits(kind.limit())
        .cost("t", 20)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    table.theirs.ask(their_acquire(kind, 20)).await;
    let (sample, item) = table.sample("u1", "minute").await;
    assert_eq!((sample.consumed, item.contains_key("la")), (40_000, true));
    assert_eq!(
        table.theirs.try_ask(their_acquire(kind, 25)).await["error"],
        "denied"
    );
}

#[tokio::test]
async fn a_waiting_request_leaves_a_debt_that_the_python_client_sees() {
    let mut table = table_or_skip!(Maker::Ours);
    let kind = &KINDS[1];
    let acquire = |cost| {
        table
            .ours
            .acquire("u1", "api")
            .limits(kind.limit())
            .cost("t", cost)
    };
    acquire(60).await.unwrap().commit().await.unwrap();
    let waiting = tokio::spawn(
        acquire(5)
            .until_ready(Duration::from_secs(20))
            .into_future(),
    );
    let limits = their_acquire(kind, 1)["limits"].clone();
    let mut seen = 0;
    for _ in 0..100 {
        seen = table.theirs.available("u1", "t", &limits).await;
        if seen < 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!((-5..=-4).contains(&seen), "{seen}");
    let mut request = their_acquire(kind, 1);
    request["resource"] = json!("api");
    let denied = table.theirs.try_ask(request).await;
    assert_eq!(denied["error"], "denied");
    // The wait covers the debt and the token.
    assert!(
        denied["retry_after_seconds"].as_f64().unwrap() > 4.0,
        "{denied}"
    );
    waiting.await.unwrap().unwrap().commit().await.unwrap();
}
