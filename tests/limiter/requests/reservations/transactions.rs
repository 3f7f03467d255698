//! A child and its parent, in one transaction.

use tollgate::{EntityId, model::Entity};

use super::*;

async fn world() -> (RateLimiter, Arc<FlakyStore>) {
    let (mut limiters, store) = gated(1, ms(5));
    let limiter = limiters.remove(0);
    let parent = EntityId::new("org").unwrap();
    for id in ["ann", "bob"] {
        let child = Entity::new(EntityId::new(id).unwrap())
            .with_parent(parent.clone())
            .cascading();
        limiter.entities().create(child).await.unwrap();
        ask(&limiter, id, 0).await.unwrap().commit();
    }
    (limiter, store)
}

fn ask(limiter: &RateLimiter, who: &str, cost: u64) -> Acquire {
    limiter
        .acquire(who, "api")
        .limits(limit())
        .cost("tokens", cost)
        .in_one_transaction()
}

#[tokio::test(start_paused = true)]
async fn a_child_and_its_parent_reserve_together() {
    let (limiter, store) = world().await;
    ask(&limiter, "bob", 10)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    let starts = Starts::new();
    let (writes, calls) = (store.writes(), store.calls());
    let mut tasks = Vec::new();
    for (number, who) in ["ann", "bob", "ann", "bob"].into_iter().enumerate() {
        tasks.push(starts.wait(number, 5, ask(&limiter, who, 5).until_ready(LONG)));
        tokio::time::sleep(ms(20)).await;
    }
    // Each request sends one transaction, and no single write.
    assert_eq!((store.writes() - writes, store.calls() - calls), (0, 4));
    // A request that does not wait is denied.
    let wait = stated_wait(ask(&limiter, "ann", 1).await);
    assert!((2000..2100).contains(&wait), "{wait}");
    all(tasks).await;
    assert_eq!(starts.numbers(), [0, 1, 2, 3]);
    for (start, at) in starts.all().iter().zip([500, 1000, 1500, 2000]) {
        assert!((at - 10..at + 20).contains(&start.at), "{start:?}");
    }
    starts.assert_perfect(0, 10, 510);
}

#[tokio::test(start_paused = true)]
async fn a_child_and_its_parent_give_back_together() {
    let (limiter, _store) = world().await;
    ask(&limiter, "bob", 10)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    let task = Starts::new().wait(0, 10, ask(&limiter, "ann", 10).until_ready(LONG));
    tokio::time::sleep(ms(500)).await;
    task.abort();
    tokio::time::sleep(ms(100)).await;
    let left = |who: &'static str| {
        let limiter = &limiter;
        async move {
            let available = limiter.available(who, "api").limits(limit()).await.unwrap();
            available.get("tokens").unwrap().available
        }
    };
    assert_eq!((left("ann").await, left("org").await), (10, 6));
}

#[tokio::test(start_paused = true)]
async fn a_child_and_its_parent_reserve_nothing_if_one_takes_too_long() {
    let (limiter, store) = world().await;
    ask(&limiter, "bob", 10)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    let calls = store.calls();
    let wait = stated_wait(ask(&limiter, "ann", 10).until_ready(ms(900)).await);
    assert!((980..=1000).contains(&wait), "{wait}");
    assert_eq!(store.calls(), calls, "known without asking");
    let task = Starts::new().wait(0, 10, ask(&limiter, "ann", 10).until_ready(ms(1000)));
    task.await.unwrap().unwrap();
}

/// Two processes at once. A transaction that finds less than its image showed is planned again.
#[tokio::test(start_paused = true)]
async fn a_transaction_is_planned_again_if_others_come_between() {
    let (store, clock) = (Arc::new(FlakyStore::default()), SharedClock::start());
    store.take(ms(5));
    let limiter = || {
        let builder = RateLimiter::builder()
            .clock(clock.clone())
            .deadline(Duration::from_secs(10));
        builder.build_shared(store.clone()).unwrap()
    };
    let limiters = [limiter(), limiter(), limiter()];
    let child = Entity::new(EntityId::new("ann").unwrap())
        .with_parent(EntityId::new("org").unwrap())
        .cascading();
    limiters[0].entities().create(child).await.unwrap();
    for limiter in &limiters {
        ask(limiter, "ann", 0).await.unwrap().commit();
    }
    let starts = Starts::new();
    let mut tasks = Vec::new();
    for number in 0..60 {
        tasks.push(starts.wait(
            number,
            1,
            ask(&limiters[number % 3], "ann", 1).until_ready(LONG),
        ));
        tokio::time::sleep(ms(15)).await;
    }
    all(tasks).await;
    assert!((4990..=5050).contains(&starts.last()), "{}", starts.last());
    starts.assert_perfect(10, 10, 30);
}
