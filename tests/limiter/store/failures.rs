//! Failed calls: if it is known that the write was not executed.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError, future};
use tollgate::{
    EntityId, Error, Limit,
    error::{SettleError, StackError, Unavailable},
    model::{BucketKey, BucketState, ConfigScope, Create, Entity, StoredConfig, Update},
    store::{
        Cursor, MemoryStore, Store, StoreError, StoreErrorKind, StoreFuture, WriteOutcome,
        dynamodb::DynamoDbStore,
    },
};
use tollgate_testkit::{ErrorAnswer, Fault, Proxy};

use tollgate_testkit::conformance::writes::{create, held, key, limit, put, spend, update};

use super::table::{NAMESPACE, TABLE, Table};

/// Returns a bucket of 5 tokens behind a proxy.
async fn behind_proxy() -> (Table, Proxy, DynamoDbStore) {
    let table = Table::create().await;
    put(&table.store(), [limit("rpm", 5_000)]).await;
    let proxy = Proxy::start(table.engine.address()).await;
    let store = DynamoDbStore::new(&table.engine.through(&proxy), TABLE, NAMESPACE);
    (table, proxy, store)
}

fn one() -> Update {
    update([spend("rpm", 1_000)])
}

/// Returns the errors of a read, an update and a create.
async fn errors(store: &DynamoDbStore) -> [StoreError; 3] {
    [
        store.read(&key()).await.unwrap_err(),
        store.update(&key(), &one()).await.unwrap_err(),
        store
            .create(&key(), &create([limit("rpm", 0)]))
            .await
            .unwrap_err(),
    ]
}

async fn tokens(table: &Table) -> i64 {
    held(&table.store().read(&key()).await.unwrap().unwrap(), "rpm").0
}

#[tokio::test]
async fn an_engine_that_is_down_has_done_nothing() {
    let table = Table::create().await;
    if table.engine.embedded().is_none() {
        return;
    }
    table.engine.stop().await;
    // A client without an open connection, whose new connection is refused.
    let store = DynamoDbStore::new(&table.engine.client(), TABLE, NAMESPACE);
    for error in errors(&store).await {
        assert_eq!(error.kind(), StoreErrorKind::NotApplied, "{error}");
        assert!(error.is_not_applied() && error.cause().is_some(), "{error}");
    }
}

/// A provider without credentials, either permanently or for now.
#[derive(Debug)]
struct NoCredentials {
    for_good: bool,
}

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(if self.for_good {
            CredentialsError::not_loaded("nobody has any")
        } else {
            CredentialsError::provider_error("the metadata service does not answer")
        }))
    }
}

/// Nothing was sent. Credentials that cannot be read now may come back. Credentials that were never
/// configured do not.
#[tokio::test]
async fn a_client_without_credentials_has_done_nothing() {
    let (table, proxy, _) = behind_proxy().await;
    for (for_good, kind) in [
        (true, StoreErrorKind::Rejected),
        (false, StoreErrorKind::NotApplied),
    ] {
        let config = table
            .engine
            .config_through(&proxy)
            .credentials_provider(NoCredentials { for_good });
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        for error in errors(&DynamoDbStore::new(&client, TABLE, NAMESPACE)).await {
            assert_eq!(error.kind(), kind, "{error}");
        }
    }
    assert_eq!(
        (tokens(&table).await, proxy.received("UpdateItem")),
        (5_000, 0)
    );
}

/// A call that is wrong stays wrong, so it is no outage.
#[tokio::test]
async fn a_call_that_is_wrong_is_refused_for_good() {
    let table = Table::create().await;
    let store = table.store();
    let records = store.records().unwrap();
    let parent = EntityId::new("project").unwrap();
    let mut errors = Vec::new();
    let of_another_listing = r#"{"PK":"elsewhere","SK":"here","GSI4PK":"a","GSI4SK":"b"}"#;
    for cursor in ["", "{", "[]", r#"{"PK":1}"#, of_another_listing] {
        errors.push(
            records
                .list_children(&parent, Some(&Cursor::new(cursor)))
                .await
                .unwrap_err(),
        );
    }
    let quick = Limit::new("quick", 1, 1, Duration::from_millis(1500)).unwrap();
    errors.push(
        records
            .put_config(&ConfigScope::System, &StoredConfig::new([quick]))
            .await
            .unwrap_err(),
    );
    let mut entity = Entity::new(parent);
    // No text of the table can express the year 300 billion.
    let far = Duration::from_secs(i64::MAX.unsigned_abs());
    entity.created_at = Some(UNIX_EPOCH + far);
    errors.push(records.create_entity(&entity).await.unwrap_err());
    // A store of somebody's own that changes only one item at a time.
    errors.push(OneItem::default().transact(&[]).await.unwrap_err());
    for error in errors {
        assert_eq!(error.kind(), StoreErrorKind::Rejected, "{error}");
    }
}

/// A store that has only the methods that every store must have.
#[derive(Debug, Default)]
struct OneItem(MemoryStore);

impl Store for OneItem {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        self.0.read(bucket)
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.0.update(bucket, update)
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.0.create(bucket, create)
    }
}

/// Error reporters print an error and then its sources.
#[tokio::test]
async fn a_chain_of_errors_says_nothing_twice() {
    let (_table, proxy, store) = behind_proxy().await;
    for fault in [
        Fault::answer(ErrorAnswer::access_denied("dynamodb:GetItem")),
        Fault::refuse(),
    ] {
        proxy.set_fault(fault);
        for error in errors(&store).await {
            let said = error.to_string();
            let cause = error.cause().expect("the SDK's own error").to_string();
            let wrapped: [Box<dyn std::error::Error>; 4] = [
                Box::new(error.clone()),
                Box::new(Error::from(Unavailable::Store(error.clone()))),
                Box::new(SettleError::Store(error.clone())),
                Box::new(Error::Stack(StackError::Call {
                    action: "reading",
                    error: error.clone(),
                })),
            ];
            for error in wrapped {
                let chain: Vec<_> =
                    std::iter::successors(Some(&*error), |error| error.source()).collect();
                let texts: Vec<_> = chain.iter().map(ToString::to_string).collect();
                assert_eq!(texts.join(": ").matches(&said).count(), 1, "{texts:?}");
                assert!(!said.starts_with(&cause) || texts.len() == 1, "{texts:?}");
                // `main` prints an error that it returns with `Debug`.
                assert!(format!("{error:?}").len() < said.len() + 200, "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_broken_connection_leaves_the_outcome_open() {
    let (table, proxy, store) = behind_proxy().await;
    for operation in ["GetItem", "UpdateItem", "PutItem"] {
        proxy.add_fault(Fault::refuse().on(operation));
    }
    for error in errors(&store).await {
        assert_eq!(error.kind(), StoreErrorKind::Unknown, "{error}");
    }
    assert_eq!(tokens(&table).await, 5_000);
}

#[tokio::test]
async fn a_busy_store_has_done_nothing() {
    let (table, proxy, store) = behind_proxy().await;
    for answer in [
        ErrorAnswer::throttling(),
        ErrorAnswer::throughput_exceeded(),
        ErrorAnswer::transaction_conflict(),
    ] {
        proxy.set_fault(Fault::answer(answer));
        for error in errors(&store).await {
            assert_eq!(error.kind(), StoreErrorKind::Busy, "{error}");
            assert!(error.is_not_applied());
        }
    }
    assert_eq!(tokens(&table).await, 5_000);
}

#[tokio::test]
async fn a_transaction_that_is_in_progress_leaves_the_outcome_open() {
    let (_table, proxy, store) = behind_proxy().await;
    proxy.set_fault(Fault::answer(ErrorAnswer::transaction_in_progress()));
    for error in errors(&store).await {
        assert_eq!(error.kind(), StoreErrorKind::Unknown, "{error}");
    }
    let updates = [(key(), one())];
    let before = proxy.received("TransactWriteItems");
    assert_eq!(
        store.transact(&updates).await.unwrap_err().kind(),
        StoreErrorKind::Unknown
    );
    assert_eq!(proxy.received("TransactWriteItems") - before, 4);
}

#[tokio::test]
async fn a_server_error_leaves_the_outcome_open() {
    let (_table, proxy, store) = behind_proxy().await;
    proxy.set_fault(Fault::answer(ErrorAnswer::internal_server_error()));
    for error in errors(&store).await {
        assert_eq!(error.kind(), StoreErrorKind::Unknown, "{error}");
        assert!(!error.is_not_applied());
    }
}

/// No list of error codes is complete, because proxies in front of DynamoDB have codes of their
/// own.
#[tokio::test]
async fn a_server_error_of_any_code_leaves_the_outcome_open() {
    let (_table, proxy, store) = behind_proxy().await;
    let answers = [
        (500, "DependencyFailure"),
        (502, "BadGateway"),
        (503, "SlowDown"),
        (504, "Timeout"),
    ];
    for (status, code) in answers
        .into_iter()
        .chain([(408, "RequestTimeout"), (503, "ThrottlingException")])
    {
        proxy.set_fault(Fault::answer(ErrorAnswer::other(status, code)));
        for error in errors(&store).await {
            assert_eq!(error.kind(), StoreErrorKind::Unknown, "{status}: {error}");
        }
    }
    for (status, code) in [
        (400, "ValidationException"),
        (403, "AccessDenied"),
        (404, "Unheard"),
    ] {
        proxy.set_fault(Fault::answer(ErrorAnswer::other(status, code)));
        for error in errors(&store).await {
            assert_eq!(error.kind(), StoreErrorKind::Rejected, "{status}: {error}");
        }
    }
    for (status, code) in [(429, "TooMany"), (400, "LimitExceededException")] {
        proxy.set_fault(Fault::answer(ErrorAnswer::other(status, code)));
        for error in errors(&store).await {
            assert_eq!(
                error.kind(),
                StoreErrorKind::NotApplied,
                "{status}: {error}"
            );
        }
    }
}

/// A transaction that stays invalid when it is repeated is not a lost race.
#[tokio::test]
async fn a_transaction_that_is_not_valid_is_refused_for_good() {
    let (_table, proxy, store) = behind_proxy().await;
    let updates = [(key(), one())];
    for (codes, kind) in [
        (["None", "ValidationError"], StoreErrorKind::Rejected),
        (["TransactionConflict", "None"], StoreErrorKind::Busy),
        (["ThrottlingError", "None"], StoreErrorKind::Busy),
    ] {
        proxy.set_fault(Fault::answer(ErrorAnswer::transaction_canceled(codes)));
        assert_eq!(
            store.transact(&updates).await.unwrap_err().kind(),
            kind,
            "{codes:?}"
        );
    }
}

#[tokio::test]
async fn a_lost_answer_leaves_the_outcome_open_and_the_write_is_sent_once() {
    let (table, proxy, store) = behind_proxy().await;
    proxy.set_fault(Fault::lose_response());
    for error in errors(&store).await {
        assert_eq!(error.kind(), StoreErrorKind::Unknown, "{error}");
    }
    for operation in ["GetItem", "UpdateItem", "PutItem"] {
        assert_eq!(proxy.received(operation), 1, "{operation}");
    }
    assert_eq!(tokens(&table).await, 4_000);
}

/// Bucket writes are not repeated even if the user's client has retries.
#[tokio::test]
async fn writes_are_sent_once_whatever_the_client() {
    use aws_sdk_dynamodb::{Client, config::retry::RetryConfig};

    let (table, proxy, _) = behind_proxy().await;
    let patient = Client::from_conf(
        table
            .engine
            .config_through(&proxy)
            .retry_config(RetryConfig::standard())
            .build(),
    );
    let store = DynamoDbStore::new(&patient, TABLE, NAMESPACE);
    proxy.set_fault(Fault::lose_response());
    assert_eq!(
        store.update(&key(), &one()).await.unwrap_err().kind(),
        StoreErrorKind::Unknown
    );
    assert_eq!(proxy.received("UpdateItem"), 1);
    assert_eq!(tokens(&table).await, 4_000);
}

#[tokio::test]
async fn a_table_that_is_missing_has_done_nothing() {
    let table = Table::create().await;
    let store = DynamoDbStore::new(&table.client, "another", NAMESPACE);
    for error in errors(&store).await {
        assert_eq!(error.kind(), StoreErrorKind::Missing, "{error}");
    }
}

#[tokio::test]
async fn a_store_goes_on_when_the_engine_is_back() {
    let table = Table::create().await;
    let store = table.store();
    put(&store, [limit("rpm", 5_000)]).await;
    table.engine.stop().await;
    assert!(store.update(&key(), &one()).await.is_err());
    table.engine.resume().await;
    let outcome = store.update(&key(), &one()).await.unwrap();
    assert!(matches!(outcome, WriteOutcome::Applied(_)), "{outcome:?}");
}
