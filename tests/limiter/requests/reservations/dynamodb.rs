//! Waiting over DynamoDB, in real time.

use tollgate::{
    EntityId,
    model::{Entity, Split, WriteId},
    store::Store,
};

use super::{
    super::fixture::{Table, integer},
    *,
};

fn patient() -> tollgate::limiter::RateLimiterBuilder {
    RateLimiter::builder()
        .deadline(Duration::from_secs(20))
        .mixed_fleet(false)
        .flush_after(Duration::ZERO)
}

/// 50 tokens a second, at most 5 at once.
fn limit() -> Limit {
    Limit::per_second("tokens", 50).with_burst(5)
}

fn ask(limiter: &RateLimiter, cost: u64) -> Acquire {
    limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", cost)
}

/// Returns the current time in epoch ms.
fn now() -> i64 {
    tollgate::clock::SystemClock::new().now()
}

/// On a busy machine a waiter may wake this many ms late. No waiter wakes early.
const LATE: u64 = 500;

#[tokio::test]
async fn waiters_of_three_processes_start_in_order_with_one_write_each() {
    let table = Table::create().await;
    let mut limiters = Vec::new();
    for _ in 0..3 {
        let limiter = table.limiter(patient()).await;
        ask(&limiter, 0).await.unwrap().commit();
        limiters.push(limiter);
    }
    let before = table.writes();
    let starts = Starts::new();
    let mut tasks = Vec::new();
    for number in 0..60 {
        tasks.push(starts.wait(number, 1, ask(&limiters[number % 3], 1).until_ready(LONG)));
        tokio::time::sleep(ms(5)).await;
    }
    // 35 of the requests still wait.
    assert!(matches!(ask(&limiters[0], 1).await, Err(Error::Denied(_))));
    all(tasks).await;
    let writes = table.writes() - before;
    println!("{writes} writes of 60 waiters, last at {}", starts.last());
    assert!(writes <= 63, "{writes}");
    assert!(
        (1095..1100 + LATE).contains(&starts.last()),
        "{}",
        starts.last()
    );
    starts.assert_perfect(5, 50, 300);
}

#[tokio::test]
async fn a_place_is_given_back_and_debts_are_seen_in_the_item() {
    let table = Table::create().await;
    let limiter = table.limiter(patient()).await;
    let slow = || Limit::per_hour("tokens", 10);
    let ask = |cost| {
        limiter
            .acquire("user", "api")
            .limits(slow())
            .cost("tokens", cost)
    };
    ask(10).await.unwrap().commit().await.unwrap();
    let task = Starts::new().wait(0, 10, ask(10).until_ready(30 * LONG));
    tokio::time::sleep(ms(300)).await;
    let item = table.item("user", "api").await.unwrap();
    assert_eq!(integer(&item, "b_tokens_tk"), -10_000);
    // The item expires no sooner than the bucket is full again, in two hours.
    assert!(integer(&item, "ttl") >= now() / 1000 + 7190);
    task.abort();
    tokio::time::sleep(ms(300)).await;
    let item = table.item("user", "api").await.unwrap();
    assert_eq!(
        (integer(&item, "b_tokens_tk"), integer(&item, "b_tokens_tc")),
        (0, 10_000)
    );
}

#[tokio::test]
async fn a_child_and_its_parent_wait_in_one_transaction() {
    let table = Table::create().await;
    let limiter = table.limiter(patient()).await;
    let child = Entity::new(EntityId::new("ann").unwrap())
        .with_parent(EntityId::new("org").unwrap())
        .cascading();
    limiter.entities().create(child).await.unwrap();
    let ask = |cost| {
        limiter
            .acquire("ann", "api")
            .limits(limit())
            .cost("tokens", cost)
            .in_one_transaction()
    };
    ask(5).await.unwrap().commit().await.unwrap();
    let before = (table.writes(), table.proxy.count("TransactWriteItems"));
    let starts = Starts::new();
    let mut tasks = Vec::new();
    for number in 0..4 {
        tasks.push(starts.wait(number, 5, ask(5).until_ready(LONG)));
        tokio::time::sleep(ms(20)).await;
    }
    all(tasks).await;
    assert_eq!(table.writes() - before.0, 0);
    // On a busy machine, two transactions may meet. Then one of them is repeated.
    let transactions = table.proxy.count("TransactWriteItems") - before.1;
    assert!((4..=8).contains(&transactions), "{transactions}");
    let mut numbers = starts.numbers();
    if transactions > 4 {
        // The one that is repeated may come later.
        numbers.sort_unstable();
    }
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert!(
        (350..400 + LATE).contains(&starts.last()),
        "{}",
        starts.last()
    );
}

#[tokio::test]
async fn a_request_waits_for_shards() {
    let table = Table::create().await;
    let limiter = table.limiter(patient()).await;
    let limit = || Limit::per_second("tokens", 40);
    let ask = |cost| {
        limiter
            .acquire("user", "api")
            .limits(limit())
            .cost("tokens", cost)
    };
    // The bucket is emptied before the splits, which may take long on a busy machine.
    let starts = Starts::new();
    ask(40).await.unwrap().commit().await.unwrap();
    for count in [1, 2] {
        let split = Split::new(WriteId::from_number(7), now(), count);
        assert!(
            table
                .store()
                .split(&key("user", "api"), &split)
                .await
                .unwrap()
        );
    }
    limiter
        .available("user", "api")
        .limits(limit())
        .await
        .unwrap();
    let mut tasks: Vec<_> = (0..20)
        .map(|number| starts.wait(number, 1, ask(1).until_ready(LONG)))
        .collect();
    // A shard holds at most 10 tokens.
    tasks.push(starts.wait(20, 20, ask(20).until_ready(LONG)));
    all(tasks).await;
    assert!(
        (900..1300 + LATE).contains(&starts.last()),
        "{}",
        starts.last()
    );
    starts.assert_perfect(20, 40, 300);
}
