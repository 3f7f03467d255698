//! A limiter over memory and one over the embedded engine, with a clock that the test moves.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    EntityId, Limit, RateLimiter, Resource,
    clock::ManualClock,
    limiter::Builder,
    store::{MemoryStore, dynamodb::CreateTable},
};
use tollgate_testkit::{Engine, Proxy};

/// An evening in November 2023, epoch ms.
pub(super) const START: i64 = 1_700_000_000_000;

/// Runs each test body over memory and over the embedded engine.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $test() {
                let clock = tollgate::clock::ManualClock::at(crate::records::fixture::START);
                super::$test(crate::records::fixture::in_memory(&clock), clock).await;
            })+
        }
        mod dynamodb {
            $(#[tokio::test]
            async fn $test() {
                let clock = tollgate::clock::ManualClock::at(crate::records::fixture::START);
                let table = crate::records::fixture::Table::create().await;
                super::$test(table.limiter(&clock).await, clock).await;
            })+
        }
    };
}
pub(super) use on_both;

pub(super) fn in_memory(clock: &ManualClock) -> RateLimiter {
    settings(clock).build_memory(MemoryStore::new())
}

pub(super) fn settings(clock: &ManualClock) -> Builder {
    // The engine shares the machine with other tests.
    RateLimiter::builder()
        .clock(clock.clone())
        .deadline(Duration::from_secs(20))
        .store_deadline(Duration::from_secs(10))
}

/// A table on an embedded engine, behind a proxy that counts.
pub(super) struct Table {
    pub(super) engine: Engine,
    pub(super) proxy: Proxy,
}

impl Table {
    pub(super) async fn create() -> Self {
        let engine = Engine::start().await;
        let proxy = Proxy::start(engine.address()).await;
        Self { engine, proxy }
    }

    pub(super) async fn limiter(&self, clock: &ManualClock) -> RateLimiter {
        self.limiter_with(settings(clock)).await
    }

    pub(super) async fn limiter_with(&self, settings: Builder) -> RateLimiter {
        RateLimiter::open()
            .stack("limits")
            .client(self.proxy.client())
            .provision(CreateTable::new().without_stream())
            .settings(settings)
            .await
            .unwrap()
    }

    /// The namespace's id.
    pub(super) async fn namespace(&self) -> String {
        let item = self.engine.item("limits", "_/SYSTEM#", "#NAMESPACE#default").await.unwrap();
        item["namespace_id"].as_s().unwrap().clone()
    }

    /// An item of the namespace by the rest of its key.
    pub(super) async fn item(&self, key: &str, sort_key: &str) -> Option<HashMap<String, AttributeValue>> {
        self.engine.item("limits", &format!("{}/{key}", self.namespace().await), sort_key).await
    }

    /// Calls so far, of any kind.
    pub(super) fn calls(&self) -> u64 {
        self.proxy.counts().values().sum()
    }
}

pub(super) fn entity(id: &str) -> EntityId {
    EntityId::new(id).unwrap()
}

pub(super) fn resource(name: &str) -> Resource {
    Resource::new(name).unwrap()
}

pub(super) fn rpm(amount: u64) -> Limit {
    Limit::per_minute("rpm", amount)
}
