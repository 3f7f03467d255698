//! Transactions whose answers are lost, and a store that fails.

use tollgate::{Error, clock::ManualClock, error::Unavailable, store::StoreErrorKind};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::fixture::{Fixture, START, daily, hourly, settings};

const TRANSACTION: &str = "TransactWriteItems";

async fn spent() -> Fixture {
    let at = Fixture::dynamodb().await;
    at.store([daily(100)]).await;
    at.charge(100).await;
    at
}

#[tokio::test]
async fn a_lost_answer_adds_once() {
    for lost in [1, 2, 50] {
        let at = spent().await;
        let proxy = &at.table().unwrap().proxy;
        proxy.set_fault(Fault::lose_response().on(TRANSACTION).times(lost));
        let buckets = at.limiter.buckets();
        let top_up = buckets
            .top_up("user", "api", [("tokens", 50)])
            .await
            .unwrap();
        proxy.clear_faults();
        assert_eq!((top_up.amount("tokens"), top_up.is_repeat), (50, false));
        assert_eq!(at.left().await, 50);
        assert_eq!(at.history("user").await.len(), 1);
        at.charge(50).await;
        assert!(at.take(1).await.is_err());
    }
}

#[tokio::test]
async fn a_lost_answer_of_a_creation_adds_once() {
    let at = Fixture::dynamodb().await;
    at.store([daily(100)]).await;
    let proxy = &at.table().unwrap().proxy;
    proxy.set_fault(Fault::lose_response().on(TRANSACTION).times(50));
    assert_eq!(at.top_up(50).await, 50);
    proxy.clear_faults();
    at.charge(100).await;
    at.charge(50).await;
    assert!(at.take(1).await.is_err());
}

#[tokio::test]
async fn a_cancelled_or_throttled_transaction_is_repeated() {
    for answer in [
        ErrorAnswer::transaction_canceled(["TransactionConflict", "None", "None"]),
        ErrorAnswer::transaction_in_progress(),
        ErrorAnswer::throttling(),
        ErrorAnswer::internal_server_error(),
    ] {
        let at = spent().await;
        let proxy = &at.table().unwrap().proxy;
        proxy.set_fault(Fault::answer(answer).on(TRANSACTION).times(2));
        assert_eq!(at.top_up(50).await, 50);
        assert_eq!(at.left().await, 50);
    }
}

/// The caller does not know if the tokens were added, and repeats the call with its key.
#[tokio::test]
async fn a_failed_call_is_repeated_by_its_key() {
    let at = spent().await;
    let table = at.table().unwrap();
    let call = || {
        let buckets = at.limiter.buckets();
        let top_up = buckets.top_up("user", "api", [("tokens", 50)]);
        top_up.idempotency_key("order-1").into_future()
    };
    // The process ends while the transaction is under way.
    let sent = table.proxy.count(TRANSACTION);
    table
        .proxy
        .set_fault(Fault::lose_response().on(TRANSACTION).times(1000));
    let first = tokio::spawn(call());
    table.proxy.until_count(TRANSACTION, sent + 1).await;
    first.abort();
    let _ = first.await;
    table.proxy.clear_faults();
    let repeat = call().await.unwrap();
    assert!(repeat.is_repeat);
    assert_eq!(at.left().await, 50);
    assert_eq!(at.history("user").await.len(), 1);
}

#[tokio::test]
async fn a_store_that_is_down_changes_nothing() {
    let at = spent().await;
    let proxy = &at.table().unwrap().proxy;
    let denied = ErrorAnswer::access_denied("dynamodb:UpdateItem");
    proxy.set_fault(Fault::answer(denied).on(TRANSACTION).times(1000));
    let buckets = at.limiter.buckets();
    let error = buckets.reset("user", "api").await.unwrap_err();
    let Error::Unavailable(Unavailable::Store(error)) = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.kind(), StoreErrorKind::Rejected);
    proxy.clear_faults();
    assert_eq!(at.left().await, 0);
    assert_eq!(at.reset().await, 100);
}

/// The bucket changes between the read and the write at every try.
#[tokio::test]
async fn a_bucket_that_keeps_changing_is_told() {
    let at = spent().await;
    let proxy = &at.table().unwrap().proxy;
    let failed = ErrorAnswer::transaction_canceled(["ConditionalCheckFailed", "None", "None"]);
    proxy.set_fault(Fault::answer(failed).on(TRANSACTION).times(1000));
    let buckets = at.limiter.buckets();
    let error = buckets.reset("user", "api").await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Contended)),
        "{error:?}"
    );
}

#[tokio::test]
async fn functions_that_would_take_the_tokens_away_are_told() {
    use aws_sdk_dynamodb::types::AttributeValue::{Null, S};
    let at = spent().await;
    let table = at.table().unwrap();
    let client = table.engine.client();
    let set = async |attribute: &str, value| {
        let update = client
            .update_item()
            .table_name("limits")
            .key("PK", S("_/SYSTEM#".into()))
            .key("SK", S("#VERSION".into()))
            .update_expression("SET #a = :a")
            .expression_attribute_names("#a", attribute)
            .expression_attribute_values(":a", value);
        update.send().await.unwrap();
    };
    set("lambda_version", S("0.16.0".into())).await;
    let buckets = at.limiter.buckets();
    let top_up = || buckets.top_up("user", "api", [("tokens", 5)]).into_future();
    let error = top_up().await.unwrap_err();
    assert!(error.to_string().contains("0.17.0"), "{error}");
    assert_eq!(at.left().await, 0);
    // A reset and a top-up of a token bucket need nothing new.
    assert_eq!(at.reset().await, 100);

    set("lambda_version", Null(true)).await;
    set("client_min_version", S("0.10.0".into())).await;
    top_up().await.unwrap();
    let record = table.engine.item("limits", "_/SYSTEM#", "#VERSION").await;
    let version = &record.unwrap()["client_min_version"];
    assert_eq!(version.as_s().unwrap(), "0.17.0");
}

#[tokio::test]
async fn a_reset_costs_three_round_trips() {
    let at = Fixture::dynamodb().await;
    at.store([hourly(100)]).await;
    at.charge(100).await;
    let proxy = &at.table().unwrap().proxy;
    let before: u64 = proxy.counts().values().sum();
    at.limiter
        .buckets()
        .reset("user", "api")
        .by("me")
        .await
        .unwrap();
    let after: u64 = proxy.counts().values().sum();
    assert_eq!(after - before, 3);
}

/// A process that writes nothing has an old image of the bucket.
#[tokio::test]
async fn an_old_image_mints_nothing_after_an_operation_of_another_process() {
    let at = Fixture::dynamodb().await;
    at.store([daily(100)]).await;
    let clock = ManualClock::at(START);
    let other = at.table().unwrap().limiter(settings(&clock)).await;
    let take = super::fixture::take;
    let held = take(&other, 40).await.unwrap();
    take(&other, 10).await.unwrap().commit().await.unwrap();
    assert_eq!(at.reset().await, 50);
    at.charge(100).await;
    // The image shows 50 tokens, and the lease is of the time before.
    assert!(take(&other, 30).await.is_err());
    held.rollback().await.unwrap();
    assert!(take(&other, 1).await.is_err());
    assert_eq!(at.left().await, 0);
}
