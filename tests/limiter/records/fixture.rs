//! A limiter over memory and one over the embedded engine, with a clock that the test moves.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use tollgate::{
    EntityId, Limit, RateLimiter, Resource,
    clock::ManualClock,
    limiter::RateLimiterBuilder,
    store::{MemoryStore, dynamodb::CreateTable},
};
use tollgate_testkit::Proxy;

use crate::engine::TestEngine;

/// An evening in March 2030, epoch ms. Engines that look at the real time find no item expired.
pub(super) const START: i64 = 1_900_000_000_000;

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

pub(super) fn settings(clock: &ManualClock) -> RateLimiterBuilder {
    // The deadlines are long because other tests run on the same machine.
    RateLimiter::builder()
        .clock(clock.clone())
        .deadline(Duration::from_secs(20))
        .store_deadline(Duration::from_secs(10))
}

pub(super) type Item = HashMap<String, AttributeValue>;

/// Returns the item with `from` replaced by `to` in all its texts.
pub(super) fn renamed(item: &Item, from: &str, to: &str) -> Item {
    let mut item = item.clone();
    for value in item.values_mut() {
        if let AttributeValue::S(text) = value {
            *text = text.replace(from, to);
        }
    }
    item
}

/// A table on an engine, behind a proxy that counts calls.
pub(super) struct Table {
    pub(super) engine: TestEngine,
    pub(super) proxy: Proxy,
}

impl Table {
    pub(super) async fn create() -> Self {
        let engine = TestEngine::start().await;
        let proxy = Proxy::start(engine.address()).await;
        Self { engine, proxy }
    }

    pub(super) async fn limiter(&self, clock: &ManualClock) -> RateLimiter {
        self.limiter_with(settings(clock)).await
    }

    pub(super) async fn limiter_with(&self, settings: RateLimiterBuilder) -> RateLimiter {
        RateLimiter::open()
            .stack("limits")
            .client(self.engine.through(&self.proxy))
            .provision(CreateTable::new().without_stream())
            .settings(settings)
            .await
            .unwrap()
    }

    /// Returns the id of the namespace.
    pub(super) async fn namespace(&self) -> String {
        let item = self
            .engine
            .item("limits", "_/SYSTEM#", "#NAMESPACE#default")
            .await
            .unwrap();
        item["namespace_id"].as_s().unwrap().clone()
    }

    /// Returns an item of the namespace by the rest of its key.
    pub(super) async fn item(
        &self,
        key: &str,
        sort_key: &str,
    ) -> Option<HashMap<String, AttributeValue>> {
        self.engine
            .item(
                "limits",
                &format!("{}/{key}", self.namespace().await),
                sort_key,
            )
            .await
    }

    /// Returns all items whose partition key starts with `prefix`, from a scan of the table.
    pub(super) async fn items(&self, prefix: &str) -> Vec<Item> {
        let mut pages = self
            .engine
            .client()
            .scan()
            .table_name("limits")
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            items.extend(page.unwrap().items.unwrap_or_default());
        }
        items.retain(|item| item["PK"].as_s().unwrap().starts_with(prefix));
        items
    }

    /// Puts items into the table, bypassing the limiter and the proxy.
    pub(super) async fn put_all(&self, items: Vec<Item>) {
        let client = self.engine.client();
        let put = |item: &Item| {
            PutRequest::builder()
                .set_item(Some(item.clone()))
                .build()
                .unwrap()
        };
        let mut batches = tokio::task::JoinSet::new();
        for chunk in items.chunks(25) {
            if batches.len() == 4 {
                batches.join_next().await.unwrap().unwrap();
            }
            let writes = chunk
                .iter()
                .map(|item| WriteRequest::builder().put_request(put(item)).build())
                .collect();
            let batch = client
                .batch_write_item()
                .request_items("limits", writes)
                .send();
            batches.spawn(async {
                let output = batch.await.unwrap();
                assert!(output.unprocessed_items.unwrap_or_default().is_empty());
            });
        }
        while let Some(batch) = batches.join_next().await {
            batch.unwrap();
        }
    }

    /// Returns the number of calls of any kind so far.
    pub(super) fn calls(&self) -> u64 {
        self.proxy.counts().values().sum()
    }
}

/// Returns a time of epoch seconds.
pub(super) fn at(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs())
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
