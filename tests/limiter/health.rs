//! Ping and status: if the store answers, and which table and versions it has.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    Error, Limit, RateLimiter,
    error::Unavailable,
    model::{BucketKey, BucketState, Create, IncompatibleVersion, Update},
    store::{MemoryStore, Store, StoreFuture, WriteOutcome, dynamodb::CreateTable},
};
use tollgate_testkit::{Engine, ErrorAnswer, Fault, Proxy};

const STACK: &str = "limits";

async fn open(proxy: &Proxy) -> RateLimiter {
    let settings = RateLimiter::builder().store_deadline(Duration::from_secs(20));
    let provision = CreateTable::new().without_stream();
    RateLimiter::open()
        .stack(STACK)
        .client(proxy.client())
        .provision(provision)
        .settings(settings)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_ping_is_one_read_and_fails_when_the_store_is_down() {
    let engine = Engine::start().await;
    let proxy = Proxy::start(engine.address()).await;
    let limiter = open(&proxy).await;
    let before = proxy.counts();
    limiter.ping().await.unwrap();
    let mut after = proxy.counts();
    *after.get_mut("GetItem").unwrap() -= 1;
    assert_eq!(after, before);

    engine.stop().await;
    let error = limiter.ping().await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Store(_))),
        "{error:?}"
    );
    engine.resume().await;
    limiter.ping().await.unwrap();
    engine
        .client()
        .delete_table()
        .table_name(STACK)
        .send()
        .await
        .unwrap();
    assert!(limiter.ping().await.is_err());
}

#[tokio::test]
async fn a_status_reports_table_namespace_and_versions() {
    let engine = Engine::start().await;
    let proxy = Proxy::start(engine.address()).await;
    let limiter = open(&proxy).await;
    limiter
        .acquire("user-1", "api")
        .limits(Limit::per_day("rpd", 5))
        .await
        .unwrap()
        .commit();
    let status = limiter.status().await;
    assert!(status.available && status.latency.is_some(), "{status:?}");
    assert_eq!(status.client_version, env!("CARGO_PKG_VERSION"));
    assert_eq!(status.compatibility(), Ok(()));
    let store = &status.store;
    assert_eq!(store.table.as_deref(), Some(STACK));
    assert_eq!(store.region.as_deref(), Some("us-east-1"));
    assert_eq!(store.table_status.as_deref(), Some("ACTIVE"));
    assert_eq!(store.namespace.as_deref(), Some("default"));
    assert_eq!(
        store.namespace_id.as_ref().map(|id| id.as_str().len()),
        Some(11)
    );
    assert!(store.items.is_some() && store.bytes.is_some(), "{store:?}");
    let version = store.version.as_ref().unwrap();
    assert_eq!(version.schema_version.as_deref(), Some("0.10.0"));
    assert_eq!(version.client_min_version.as_deref(), Some("0.0.0"));
    assert_eq!(version.lambda_version, None);
    assert!(version.updated_at.is_some());
    assert_eq!(
        version.updated_by.as_deref(),
        Some(concat!("tollgate:", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(store.problem, None);
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!(
        (
            &json["available"],
            &json["store"]["version"]["schema_version"]
        ),
        (&true.into(), &"0.10.0".into())
    );

    // The table is upgraded while the limiter is running.
    let mut item = engine.item(STACK, "_/SYSTEM#", "#VERSION").await.unwrap();
    item.insert("schema_version".into(), AttributeValue::S("1.0.0".into()));
    engine
        .client()
        .put_item()
        .table_name(STACK)
        .set_item(Some(item))
        .send()
        .await
        .unwrap();
    let refused = limiter.status().await.compatibility().unwrap_err();
    assert!(
        matches!(refused, IncompatibleVersion::Schema { .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn a_status_leaves_out_what_may_not_be_described() {
    let engine = Engine::start().await;
    let proxy = Proxy::start(engine.address()).await;
    let limiter = open(&proxy).await;
    proxy.set_fault(Fault::answer(ErrorAnswer::throttling()).on("DescribeTable"));
    let status = limiter.status().await;
    assert!(status.available);
    assert_eq!(
        (status.store.table_status, status.store.items),
        (None, None)
    );
    assert_eq!(status.store.namespace.as_deref(), Some("default"));
    assert!(status.store.problem.is_some());
}

#[tokio::test]
async fn a_status_reports_a_store_that_is_down() {
    let engine = Engine::start().await;
    let proxy = Proxy::start(engine.address()).await;
    let limiter = open(&proxy).await;
    engine.stop().await;
    let status = limiter.status().await;
    assert_eq!((status.available, status.latency), (false, None));
    assert!(status.store.problem.is_some());
}

#[test]
fn the_memory_store_answers_without_timers() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let limiter = RateLimiter::memory();
        limiter.ping().await.unwrap();
        limiter
            .acquire("user-1", "api")
            .limits(Limit::per_day("rpd", 5))
            .await
            .unwrap()
            .commit();
        let status = limiter.status().await;
        assert!(status.available);
        assert_eq!(
            (status.store.items, status.store.version.clone()),
            (Some(1), None)
        );
        assert_eq!(status.compatibility(), Ok(()));
    });
}

/// A user's own store, without diagnostics.
#[derive(Debug)]
struct Plain {
    buckets: MemoryStore,
    silent: bool,
}

impl Store for Plain {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        if self.silent {
            Box::pin(std::future::pending())
        } else {
            self.buckets.read(bucket)
        }
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.buckets.update(bucket, update)
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.buckets.create(bucket, create)
    }
}

#[tokio::test(start_paused = true)]
async fn a_ping_of_a_store_without_diagnostics_is_a_read_with_a_deadline() {
    let limiter = |silent| {
        let store = Arc::new(Plain {
            buckets: MemoryStore::new(),
            silent,
        });
        RateLimiter::builder().build_shared(store).unwrap()
    };
    limiter(false).ping().await.unwrap();
    assert!(limiter(false).status().await.available);
    let error = limiter(true).ping().await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Deadline)),
        "{error:?}"
    );
    assert!(!limiter(true).status().await.available);
}
