//! The proxy applies each fault, and counts the requests that pass.

use std::{
    collections::BTreeMap,
    net::TcpStream,
    sync::{Arc, Mutex},
    time::{Duration, Instant, UNIX_EPOCH},
};

use aws_sdk_dynamodb::{
    Client,
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::BeforeDeserializationInterceptorContextRef,
    },
    error::{BoxError, ProvideErrorMetadata},
    operation::transact_write_items::TransactWriteItemsError,
};
use tokio::time::timeout;
use tollgate_testkit::{Engine, ErrorAnswer, Fault, Proxy};

use crate::closed::assert_closed;
use crate::table::{self, TABLE, add, add_unanswered, added};

/// Returns an engine with a table, a proxy in front of it, and a client of the proxy.
async fn setting() -> (Engine, Proxy, Client) {
    let engine = Engine::start().await;
    table::create(&engine.client()).await;
    let proxy = Proxy::start(engine.address()).await;
    let client = proxy.client();
    (engine, proxy, client)
}

#[test]
fn proxies_can_be_shared_between_tasks() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Proxy>();
    check::<Fault>();
}

#[tokio::test]
async fn a_proxy_passes_requests_and_counts_them() {
    let (engine, proxy, client) = setting().await;
    add(&client, "a").await.unwrap();
    add(&client, "a").await.unwrap();
    table::put(&client, "b", 1).await;

    assert_eq!(added(&engine, "a").await, 2);
    let counts = [("PutItem".to_owned(), 1), ("UpdateItem".to_owned(), 2)];
    assert_eq!(proxy.counts(), BTreeMap::from(counts));
    assert_eq!(proxy.count("UpdateItem"), 2);
    assert_eq!(proxy.received("UpdateItem"), 2);
    assert_eq!(proxy.count("GetItem"), 0);
}

#[tokio::test]
async fn the_stores_own_errors_pass() {
    let (_engine, proxy, client) = setting().await;
    let error = client
        .describe_table()
        .table_name("another")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("ResourceNotFoundException"));
    assert_eq!(proxy.count("DescribeTable"), 1);
}

#[tokio::test]
async fn a_proxy_refuses_connections() {
    let (engine, proxy, client) = setting().await;
    proxy.set_fault(Fault::refuse());
    let connection = TcpStream::connect(proxy.address()).unwrap();
    assert_closed(connection);
    add_unanswered(&client, "a").await;

    proxy.clear_faults();
    add(&client, "a").await.unwrap();
    assert_eq!(added(&engine, "a").await, 1);
    assert_eq!(proxy.count("UpdateItem"), 1);
}

#[tokio::test]
async fn a_proxy_refuses_requests_on_an_open_connection() {
    let (engine, proxy, client) = setting().await;
    add(&client, "a").await.unwrap();
    proxy.set_fault(Fault::refuse().on("UpdateItem").once());
    add_unanswered(&client, "a").await;
    add(&client, "a").await.unwrap();

    assert_eq!(added(&engine, "a").await, 2);
    assert_eq!(proxy.received("UpdateItem"), 3);
    assert_eq!(proxy.count("UpdateItem"), 2);
}

#[tokio::test]
async fn a_black_hole_swallows_requests() {
    let (engine, proxy, client) = setting().await;
    proxy.set_fault(Fault::black_hole());
    tokio::select! {
        answer = add(&client, "a") => panic!("answered: {answer:?}"),
        () = proxy.until_received("UpdateItem", 1) => {}
    }
    proxy.clear_faults();
    add(&client, "a").await.unwrap();

    assert_eq!(added(&engine, "a").await, 1);
    assert_eq!(proxy.count("UpdateItem"), 1);
}

#[tokio::test]
async fn a_proxy_delays_requests() {
    let (engine, proxy, client) = setting().await;
    let delay = Duration::from_millis(30);
    proxy.set_fault(Fault::delay(delay));
    let start = Instant::now();
    add(&client, "a").await.unwrap();

    assert!(start.elapsed() >= delay);
    assert_eq!(added(&engine, "a").await, 1);
}

#[tokio::test]
async fn a_distance_takes_half_of_the_time_on_each_way() {
    let (engine, proxy, client) = setting().await;
    let round_trip = Duration::from_millis(60);
    proxy.set_fault(Fault::distance(round_trip));
    let start = Instant::now();
    let (answer, ()) = tokio::join!(add(&client, "a"), async {
        proxy.until_count("UpdateItem", 1).await;
        assert!(start.elapsed() >= round_trip / 2);
        assert_eq!(added(&engine, "a").await, 1);
    });

    answer.unwrap();
    assert!(start.elapsed() >= round_trip);
}

#[tokio::test]
async fn a_delayed_request_arrives_although_its_client_is_gone() {
    let (engine, proxy, client) = setting().await;
    proxy.set_fault(Fault::delay(Duration::from_millis(30)));
    tokio::select! {
        answer = add(&client, "a") => panic!("answered: {answer:?}"),
        () = proxy.until_received("UpdateItem", 1) => {}
    }
    drop(client);
    timeout(Duration::from_secs(10), proxy.until_count("UpdateItem", 1))
        .await
        .unwrap();

    assert_eq!(added(&engine, "a").await, 1);
}

#[tokio::test]
async fn a_proxy_loses_the_response_of_a_write_that_happened() {
    let (engine, proxy, client) = setting().await;
    proxy.set_fault(Fault::lose_response().times(2));
    for happened in 1..=2 {
        add_unanswered(&client, "a").await;
        assert_eq!(added(&engine, "a").await, happened);
    }
    add(&client, "a").await.unwrap();

    assert_eq!(added(&engine, "a").await, 3);
    assert_eq!(proxy.count("UpdateItem"), 3);
}

#[tokio::test]
async fn a_proxy_replaces_the_answer_of_a_write_that_happened() {
    let (engine, proxy, client) = setting().await;
    proxy.set_fault(Fault::replace_answer(ErrorAnswer::throttling()).once());
    let error = add(&client, "a").await.unwrap_err();
    assert_eq!(error.code(), Some("ThrottlingException"));
    assert_eq!(
        (added(&engine, "a").await, proxy.count("UpdateItem")),
        (1, 1)
    );
}

#[tokio::test]
async fn a_proxy_answers_errors_without_forwarding() {
    let (engine, proxy, client) = setting().await;
    let errors = [
        (
            ErrorAnswer::throughput_exceeded(),
            400,
            "ProvisionedThroughputExceededException",
        ),
        (ErrorAnswer::throttling(), 400, "ThrottlingException"),
        (
            ErrorAnswer::internal_server_error(),
            500,
            "InternalServerError",
        ),
        (
            ErrorAnswer::transaction_conflict(),
            400,
            "TransactionConflictException",
        ),
    ];
    for (answer, status, code) in errors {
        proxy.set_fault(Fault::answer(answer).once());
        let error = add(&client, "a").await.unwrap_err();
        assert_eq!(error.raw_response().unwrap().status().as_u16(), status);
        let error = error.into_service_error();
        assert_eq!(error.code(), Some(code));
        assert!(error.message().is_some());
        let modelled = [
            error.is_provisioned_throughput_exceeded_exception(),
            error.is_throttling_exception(),
            error.is_internal_server_error(),
            error.is_transaction_conflict_exception(),
        ];
        assert!(modelled.contains(&true), "{error:?}");
    }
    add(&client, "a").await.unwrap();

    assert_eq!(added(&engine, "a").await, 1);
    assert_eq!(proxy.received("UpdateItem"), 5);
    assert_eq!(proxy.count("UpdateItem"), 1);
}

#[tokio::test]
async fn a_proxy_answers_a_canceled_transaction_with_its_reasons() {
    let (_engine, proxy, client) = setting().await;
    proxy.set_fault(Fault::answer(ErrorAnswer::transaction_canceled([
        "None",
        "TransactionConflict",
    ])));
    let error = client.transact_write_items().send().await.unwrap_err();
    let error = error.into_service_error();
    let reasons = match &error {
        TransactWriteItemsError::TransactionCanceledException(error) => {
            error.cancellation_reasons()
        }
        other => panic!("{other:?}"),
    };
    let codes: Vec<_> = reasons.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes, [Some("None"), Some("TransactionConflict")]);
}

#[tokio::test]
async fn a_fault_on_one_operation_leaves_the_others_alone() {
    let (engine, proxy, client) = setting().await;
    proxy.set_fault(Fault::answer(ErrorAnswer::throttling()).on("UpdateItem"));
    table::put(&client, "a", 1).await;
    assert!(add(&client, "a").await.is_err());

    assert!(engine.item(TABLE, "a", "#STATE").await.is_some());
    assert_eq!(proxy.count("PutItem"), 1);
    assert_eq!(proxy.count("UpdateItem"), 0);
}

#[tokio::test]
async fn faults_strike_in_the_order_in_which_they_were_given() {
    let (engine, proxy, client) = setting().await;
    proxy.set_fault(Fault::lose_response().once());
    proxy.add_fault(Fault::answer(ErrorAnswer::throttling()).once());

    add_unanswered(&client, "a").await;
    let throttled = add(&client, "a").await.unwrap_err();
    assert_eq!(throttled.code(), Some("ThrottlingException"));
    add(&client, "a").await.unwrap();
    assert_eq!(added(&engine, "a").await, 2);
}

#[tokio::test]
async fn a_proxy_follows_an_upstream_that_goes_away_and_comes_back() {
    let (engine, proxy, client) = setting().await;
    add(&client, "a").await.unwrap();
    for _ in 0..20 {
        engine.stop().await;
        add_unanswered(&client, "a").await;
        engine.resume().await;
        add(&client, "a").await.unwrap();
    }
    assert_eq!(added(&engine, "a").await, 21);
    assert_eq!(proxy.count("UpdateItem"), 21);
}

#[tokio::test]
async fn dropping_a_proxy_severs_connections() {
    let (_engine, proxy, client) = setting().await;
    let connection = TcpStream::connect(proxy.address()).unwrap();
    drop(proxy);
    assert_closed(connection);
    add_unanswered(&client, "a").await;
}

#[test]
fn a_proxy_needs_no_runtime() {
    let engine = Engine::start_blocking();
    let proxy = Proxy::start_blocking(engine.address());
    TcpStream::connect(proxy.address()).unwrap();
}

#[tokio::test]
async fn an_answer_is_dated_by_a_clock_of_its_own() {
    let engine = Engine::start().await;
    let proxy = Proxy::start(engine.address()).await;
    let time = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    proxy.set_fault(Fault::date(time));
    let date = AnswerDate::default();
    let config = proxy.dynamodb_config().interceptor(date.clone()).build();
    Client::from_conf(config)
        .list_tables()
        .send()
        .await
        .unwrap();
    assert_eq!(
        date.0.lock().unwrap().as_deref(),
        Some("Sun, 09 Sep 2001 01:46:40 GMT")
    );
    assert_eq!(proxy.count("ListTables"), 1);
}

/// The date of the last answer.
#[derive(Clone, Debug, Default)]
struct AnswerDate(Arc<Mutex<Option<String>>>);

impl Intercept for AnswerDate {
    fn name(&self) -> &'static str {
        "AnswerDate"
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        *self.0.lock().unwrap() = date.map(str::to_owned);
        Ok(())
    }
}
