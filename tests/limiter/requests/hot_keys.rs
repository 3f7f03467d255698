//! A bucket is split because of the load on its own key, not because of the load on the table.

use std::{future::IntoFuture, time::Duration};

use tollgate::{Limit, clock::ManualClock};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::fixture::{STACK, START, Table, settings};

const KEYS: usize = 50;

fn limit() -> Limit {
    Limit::per_hour("tokens", 10_000)
}

/// Uses every key three times, once a second, and throttles the writes of each round first. Returns
/// the number of transactions.
async fn throttled(error: ErrorAnswer) -> (Table, u64) {
    let (table, clock) = (Table::create().await, ManualClock::at(START));
    let limiter = table.limiter(settings(&clock)).await;
    let ask = |key: usize| {
        limiter
            .acquire(format!("user-{key}").as_str(), "api")
            .limits(limit())
            .into_future()
    };
    for key in 0..KEYS {
        ask(key).await.unwrap().commit();
    }
    // Opening the limiter sends one transaction.
    let before = table.proxy.received("TransactWriteItems");
    for _ in 0..3 {
        clock.advance(Duration::from_secs(1));
        table.proxy.set_fault(
            Fault::answer(error.clone())
                .on("UpdateItem")
                .times(5 * KEYS as u64),
        );
        let asked: Vec<_> = (0..KEYS).map(|key| tokio::spawn(ask(key))).collect();
        for asked in asked {
            asked.await.unwrap().unwrap().commit();
        }
    }
    assert!(table.proxy.received("UpdateItem") >= 15 * KEYS as u64);
    limiter.shutdown().await;
    let transactions = table.proxy.received("TransactWriteItems") - before;
    (table, transactions)
}

async fn items(table: &Table) -> usize {
    let items = table
        .engine
        .client()
        .scan()
        .table_name(STACK)
        .send()
        .await
        .unwrap()
        .items
        .unwrap_or_default();
    items
        .iter()
        .filter(|item| item["PK"].as_s().unwrap().contains("/BUCKET#"))
        .count()
}

#[tokio::test]
async fn quiet_keys_of_a_table_that_throttles_stay_one_item_each() {
    for error in [
        ErrorAnswer::throughput_exceeded(),
        ErrorAnswer::throttling(),
    ] {
        let (table, transactions) = throttled(error).await;
        assert_eq!((items(&table).await, transactions), (KEYS, 0));
    }
}

#[tokio::test]
async fn keys_that_the_table_reports_as_hot_are_split() {
    let (table, transactions) = throttled(ErrorAnswer::hot_key()).await;
    assert!(transactions > 0);
    assert!(items(&table).await > KEYS);
}
