//! A store that is down, loses requests or answers, or throttles.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    Error, Lease, Limit, RateLimiter,
    clock::ManualClock,
    error::Unavailable,
    limiter::{Acquire, RateLimiterBuilder, SettleError},
    store::{StoreError, StoreErrorKind},
};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::{
    fixture::{STACK, START, Table, integer, settings},
    flaky_store::FlakyStore,
};

/// A time that is longer than any operation here takes, but so short that a hanging test fails
/// early.
const SOON: Duration = Duration::from_secs(20);

struct Setting {
    table: Table,
    limiter: RateLimiter,
}

impl Setting {
    async fn new() -> Self {
        Self::with(|settings| settings).await
    }

    async fn with(change: impl FnOnce(RateLimiterBuilder) -> RateLimiterBuilder) -> Self {
        let table = Table::create().await;
        let limiter = table
            .limiter(change(settings(&ManualClock::at(START))))
            .await;
        Self { table, limiter }
    }

    fn ask(&self, cost: u64) -> Acquire {
        self.limiter
            .acquire("user", "api")
            .limits(Limit::per_hour("tokens", 100))
            .cost("tokens", cost)
    }

    async fn lease(&self, cost: u64) -> Lease {
        self.ask(cost).await.unwrap()
    }

    /// Writes an attribute of the bucket's item as a peer might.
    async fn set(&self, attribute: &str, value: AttributeValue) {
        let mut item = self.table.item("user", "api").await.unwrap();
        item.insert(attribute.into(), value);
        self.table
            .engine
            .client()
            .put_item()
            .table_name(STACK)
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
    }

    /// Returns the tokens and the consumption counter, in whole tokens.
    async fn left(&self) -> (i64, i64) {
        let item = self.table.item("user", "api").await.unwrap();
        (
            integer(&item, "b_tokens_tk") / 1000,
            integer(&item, "b_tokens_tc") / 1000,
        )
    }
}

/// With paused time, the deadline passes before the store's answer comes.
#[tokio::test(start_paused = true)]
async fn a_request_waits_for_a_quarter_of_a_second_at_most_unless_told_to() {
    let store = Arc::new(FlakyStore::default());
    store.take(Duration::from_secs(3600));
    let limiter = RateLimiter::builder()
        .clock(ManualClock::at(START))
        .build_shared(store)
        .unwrap();
    let ask = || {
        limiter
            .acquire("user", "api")
            .limits(Limit::per_hour("tokens", 100))
    };
    for (acquire, millis) in [
        (ask(), 250),
        (ask().deadline(Duration::from_millis(70)), 70),
    ] {
        let start = tokio::time::Instant::now();
        let error = acquire.await.unwrap_err();
        assert!(
            matches!(error, Error::Unavailable(Unavailable::Deadline)),
            "{error:?}"
        );
        let waited = start.elapsed();
        assert!(
            (millis..=millis + 2).contains(&waited.as_millis()),
            "{waited:?}"
        );
    }
}

#[tokio::test]
async fn a_stopped_store_is_unavailable_and_comes_back() {
    let at = Setting::new().await;
    at.lease(10).await.commit();
    at.table.engine.stop().await;
    for _ in 0..3 {
        let error = tokio::time::timeout(SOON, at.ask(10).into_future())
            .await
            .unwrap()
            .unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    }
    let error = at
        .limiter
        .available("user", "api")
        .limits(Limit::per_hour("tokens", 100))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Store(_))),
        "{error:?}"
    );
    at.table.engine.resume().await;
    at.lease(10).await.commit();
    // The proxy accepted the requests, so the limiter cannot know that the writes did not happen.
    // None is in the store.
    assert_eq!(at.left().await, (80, 20));
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_loses_no_settlement() {
    let table = Table::create().await;
    if table.engine.embedded().is_none() {
        return;
    }
    let clock = ManualClock::at(START);
    let settings = settings(&clock).flush_after(Duration::from_millis(20));
    let limiter = RateLimiter::open()
        .stack(STACK)
        .namespace("default")
        .client(table.engine.client())
        .settings(settings)
        .await
        .unwrap();
    let at = Setting { table, limiter };
    let (mut more, less) = (at.lease(10).await, at.lease(10).await);
    at.table.engine.stop().await;
    // Ask until the client has no old connection left: a request that is lost on one may have been
    // executed.
    let refused = |error: Error| matches!(error, Error::Unavailable(Unavailable::Store(error)) if error.kind() == StoreErrorKind::NotApplied);
    while !refused(at.ask(10).await.unwrap_err()) {}
    more.settle("tokens", 35).unwrap();
    let (more, less) = (more.commit(), less.rollback());
    // Requests that fail meanwhile do not affect the settlements.
    for _ in 0..50 {
        assert!(matches!(
            at.ask(10).await,
            Err(Error::Unavailable(Unavailable::Store(_)))
        ));
    }
    at.table.engine.resume().await;
    tokio::time::timeout(SOON, more.into_future())
        .await
        .unwrap()
        .unwrap();
    tokio::time::timeout(SOON, less.into_future())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(at.left().await, (65, 35));
}

#[tokio::test]
async fn a_black_hole_ends_at_the_deadline() {
    let deadline = Duration::from_millis(50);
    let at = Setting::with(|settings| {
        settings
            .deadline(deadline)
            .store_deadline(Duration::from_millis(200))
    })
    .await;
    // Opening the first connection may take longer than the deadline.
    let _ = at.ask(0).deadline(SOON).await.unwrap().commit();
    at.table.proxy.set_fault(Fault::black_hole());
    let start = Instant::now();
    let error = at.ask(10).await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Deadline)),
        "{error:?}"
    );
    assert!(start.elapsed() >= deadline);
    let error = at.ask(10).deadline(SOON).await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Store(_))),
        "{error:?}"
    );
    at.table.proxy.clear_faults();
    at.ask(10).deadline(SOON).await.unwrap().commit();
    assert_eq!(at.left().await, (90, 10));
}

#[tokio::test]
async fn a_spend_whose_answer_is_lost_is_granted_once_and_charged_once() {
    let at = Setting::new().await;
    at.lease(10).await.commit();
    at.table
        .proxy
        .set_fault(Fault::lose_response().on("UpdateItem").once());
    at.lease(20).await.commit();
    assert_eq!(at.left().await, (70, 30));
    assert_eq!(at.table.updates(), 2);
}

#[tokio::test]
async fn a_spend_that_did_not_arrive_is_sent_again() {
    let at = Setting::new().await;
    at.lease(10).await.commit();
    at.table
        .proxy
        .set_fault(Fault::refuse().on("UpdateItem").once());
    at.lease(20).await.commit();
    assert_eq!(at.left().await, (70, 30));
    assert_eq!(at.table.updates(), 1);
}

#[tokio::test]
async fn a_spend_that_stays_lost_is_charged_once_and_an_error() {
    let at = Setting::new().await;
    at.lease(10).await.commit();
    at.table
        .proxy
        .set_fault(Fault::lose_response().on("UpdateItem"));
    let error = at.ask(20).await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Store(_))),
        "{error:?}"
    );
    at.table.proxy.clear_faults();
    assert_eq!(at.left().await, (70, 30));
    at.lease(20).await.commit();
    assert_eq!(at.left().await, (50, 50));
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_granted_once_and_charged_once() {
    let at = Setting::new().await;
    at.table
        .proxy
        .set_fault(Fault::lose_response().on("PutItem").once());
    at.lease(20).await.commit();
    assert_eq!(at.left().await, (80, 20));
}

#[tokio::test]
async fn a_create_that_stays_lost_is_charged_once() {
    let at = Setting::new().await;
    at.table
        .proxy
        .set_fault(Fault::lose_response().on("PutItem").times(2));
    let error = at.ask(20).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    at.lease(20).await.commit();
    assert_eq!(at.left().await, (60, 40));
}

#[tokio::test]
async fn a_give_back_whose_answer_is_lost_is_given_once() {
    let at = Setting::new().await;
    let (first, second) = (at.lease(30).await, at.lease(30).await);
    at.table
        .proxy
        .set_fault(Fault::lose_response().on("UpdateItem").once());
    let updates = at.table.updates();
    // The limiter reads the bucket and finds that its write was executed.
    first.rollback().await.unwrap();
    assert_eq!(at.left().await, (70, 30));
    assert_eq!(at.table.updates(), updates + 1);

    at.table
        .proxy
        .set_fault(Fault::refuse().on("UpdateItem").once());
    let error = second.rollback().await.unwrap_err();
    assert!(matches!(error, SettleError::Store(_)), "{error:?}");
    at.limiter.shutdown().await;
    // The give-back is lost: another try might give back twice.
    assert_eq!(at.left().await, (70, 30));
}

/// The item is corrupted by a peer before the writes. The writes are executed, and their answers
/// cannot be parsed.
#[tokio::test]
async fn a_write_whose_answer_makes_no_sense_is_not_written_again() {
    let at = Setting::new().await;
    let lease = at.lease(30).await;
    at.set("parent_id", AttributeValue::S("#".into())).await;
    let unknown = |error: &StoreError| !error.is_not_applied();
    let updates = at.table.updates();
    match lease.rollback().await.unwrap_err() {
        SettleError::Store(error) => assert!(unknown(&error), "{error:?}"),
        error => panic!("{error:?}"),
    }
    assert_eq!(
        (at.left().await, at.table.updates() - updates),
        ((100, 0), 1)
    );

    at.set("parent_id", AttributeValue::Null(true)).await;
    at.lease(10).await.commit();
    at.set("parent_id", AttributeValue::S("#".into())).await;
    match at.ask(20).await.unwrap_err() {
        Error::Unavailable(Unavailable::Store(error)) => assert!(unknown(&error), "{error:?}"),
        error => panic!("{error:?}"),
    }
    assert_eq!(at.left().await, (70, 30));

    at.set("parent_id", AttributeValue::Null(true)).await;
    at.lease(20).await.commit();
    at.limiter.shutdown().await;
    assert_eq!(at.left().await, (50, 50));
}

#[tokio::test]
async fn a_spend_that_shares_a_lost_write_with_a_give_back_is_granted_once() {
    let at = Setting::with(|settings| settings.flush_after(Duration::from_secs(600))).await;
    let settlement = at.lease(30).await.rollback();
    at.table
        .proxy
        .set_fault(Fault::lose_response().on("UpdateItem").once());
    at.lease(20).await.commit();
    settlement.await.unwrap();
    assert_eq!(at.left().await, (80, 20));
}

#[tokio::test]
async fn differences_outlive_a_write_of_which_nothing_is_known() {
    let at = Setting::with(|settings| settings.flush_after(Duration::from_millis(200))).await;
    let lease = at.lease(30).await;
    at.table
        .proxy
        .set_fault(Fault::refuse().on("UpdateItem").times(2));
    assert!(matches!(
        at.ask(20).await,
        Err(Error::Unavailable(Unavailable::Store(_)))
    ));
    // The gate has discarded its image of the bucket. The gate must read the bucket again instead
    // of dropping the difference.
    lease.rollback().await.unwrap();
    assert_eq!(at.left().await, (100, 0));
}

#[tokio::test]
async fn a_throttled_write_is_repeated() {
    let at = Setting::new().await;
    let busy = [
        ErrorAnswer::throughput_exceeded(),
        ErrorAnswer::throttling(),
        ErrorAnswer::transaction_conflict(),
    ];
    for answer in busy {
        at.table.proxy.add_fault(Fault::answer(answer).once());
    }
    at.lease(10).await.commit();
    assert_eq!(at.left().await, (90, 10));
    assert_eq!(at.table.writes(), 1);
    for answer in [
        ErrorAnswer::throttling(),
        ErrorAnswer::transaction_conflict(),
    ] {
        at.table
            .proxy
            .add_fault(Fault::answer(answer).on("UpdateItem").once());
    }
    at.lease(10).await.rollback().await.unwrap();
    assert_eq!(at.left().await, (90, 10));
    assert_eq!(at.table.writes(), 3);
}

#[tokio::test]
async fn an_internal_error_is_repeated_without_charging_twice() {
    let at = Setting::new().await;
    at.lease(10).await.commit();
    at.table
        .proxy
        .set_fault(Fault::answer(ErrorAnswer::internal_server_error()).once());
    at.lease(10).await.commit();
    assert_eq!(at.left().await, (80, 20));
}

#[tokio::test]
async fn callers_that_give_up_get_their_share_back() {
    let at = Setting::new().await;
    at.lease(10).await.commit();
    at.table.proxy.set_fault(
        Fault::delay(Duration::from_millis(50))
            .on("UpdateItem")
            .once(),
    );
    let before = at.table.proxy.received("UpdateItem");
    let staying = async {
        at.table
            .proxy
            .until_received("UpdateItem", before + 1)
            .await;
        at.ask(5).await
    };
    let leaving = async {
        tokio::select! {
            biased;
            result = at.ask(20).into_future() => panic!("it did not wait: {result:?}"),
            () = at.table.proxy.until_received("UpdateItem", before + 1) => {}
        }
    };
    let (stayed, ()) = tokio::join!(staying, leaving);
    stayed.unwrap().commit();
    at.limiter.shutdown().await;
    assert_eq!(at.left().await, (85, 15));
}

#[tokio::test]
async fn callers_that_give_up_in_the_queue_are_never_charged() {
    let at = Setting::new().await;
    at.lease(10).await.commit();
    at.table.proxy.set_fault(
        Fault::delay(Duration::from_millis(50))
            .on("UpdateItem")
            .once(),
    );
    let queued = async {
        at.table.proxy.until_received("UpdateItem", 1).await;
        drop(at.ask(70).into_future());
    };
    let (flying, ()) = tokio::join!(at.ask(20).into_future(), queued);
    flying.unwrap().commit();
    at.limiter.shutdown().await;
    assert_eq!(at.left().await, (70, 30));
    assert_eq!(at.table.updates(), 1);
}

#[tokio::test]
async fn shutdown_ends_although_the_store_is_dead() {
    for fault in [
        Fault::refuse(),
        Fault::black_hole(),
        Fault::answer(ErrorAnswer::throttling()),
    ] {
        let at =
            Setting::with(|settings| settings.store_deadline(Duration::from_millis(100))).await;
        let (first, second) = (at.lease(10).await, at.lease(10).await);
        at.table.proxy.set_fault(fault);
        let settlement = first.rollback();
        drop(second);
        tokio::time::timeout(SOON, at.limiter.shutdown())
            .await
            .unwrap();
        assert!(settlement.await.is_err());
        assert_eq!(at.left().await, (80, 20));
    }
}
