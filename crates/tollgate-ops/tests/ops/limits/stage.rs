//! A table, a proxy in front of it, and applies through the proxy.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{RateLimiter, store::dynamodb::CreateTable};
use tollgate_ops::limits::{
    Applied, ApplyOptions, LimitsError, Manifest, Plan, PlanOptions, Target, apply, plan,
};
use tollgate_testkit::{Engine, Proxy};

pub(crate) const TABLE: &str = "limits-as-code";

/// The operations that write.
const WRITES: [&str; 5] = [
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "TransactWriteItems",
];

/// An item, sorted by attribute.
pub(crate) type Sorted = BTreeMap<String, AttributeValue>;

pub(crate) struct Table {
    pub(crate) engine: Engine,
    pub(crate) proxy: Proxy,
    pub(crate) limiter: RateLimiter,
    /// A limiter behind the proxy.
    pub(crate) opened: RateLimiter,
}

impl Table {
    pub(crate) async fn new() -> Self {
        let engine = Engine::start().await;
        let proxy = Proxy::start(engine.address()).await;
        let limiter = open(engine.client()).await;
        let opened = open(proxy.client()).await;
        Self {
            engine,
            proxy,
            limiter,
            opened,
        }
    }

    /// Returns the namespace behind the proxy, as a process sees it that has just begun.
    pub(crate) async fn target(&self) -> Target {
        let client = self.proxy.client();
        Target::new(open(client.clone()).await, client).unwrap()
    }

    pub(crate) async fn plan(&self, text: &str) -> Plan {
        plan(
            &self.target().await,
            &manifest(text),
            PlanOptions::default(),
        )
        .await
        .unwrap()
    }

    pub(crate) async fn apply(&self, text: &str) -> Applied {
        self.try_apply(text).await.unwrap()
    }

    pub(crate) async fn try_apply(&self, text: &str) -> Result<Applied, LimitsError> {
        let target = self.target().await;
        let plan = plan(&target, &manifest(text), PlanOptions::default()).await?;
        apply(&target, &plan, &options(), |_| {}).await
    }

    /// Returns the number of writes that went through the proxy.
    pub(crate) fn writes(&self) -> u64 {
        WRITES.iter().map(|write| self.proxy.count(write)).sum()
    }

    /// Returns the number of requests that went through the proxy.
    pub(crate) fn requests(&self) -> u64 {
        self.proxy.counts().values().sum()
    }

    /// Returns the items of the namespace by key, without the history.
    pub(crate) async fn items(&self) -> BTreeMap<(String, String), Sorted> {
        let mut found = BTreeMap::new();
        let mut from = None;
        loop {
            let scan = self
                .engine
                .client()
                .scan()
                .table_name(TABLE)
                .consistent_read(true);
            let page = scan.set_exclusive_start_key(from).send().await.unwrap();
            for item in page.items.unwrap_or_default() {
                let key = (text(&item["PK"]), text(&item["SK"]));
                if !key.0.starts_with("_/") && !key.0.contains("/AUDIT#") {
                    found.insert(key, item.into_iter().collect());
                }
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                return found;
            }
        }
    }

    /// Returns the only item with this sort key.
    pub(crate) async fn item(&self, sort_key: &str) -> Option<Sorted> {
        let items = self.items().await;
        let mut found = items
            .into_iter()
            .filter(|((_, range), _)| range == sort_key);
        let item = found.next().map(|(_, item)| item);
        assert!(found.next().is_none(), "two items {sort_key}");
        item
    }
}

/// Returns options for tests: a lease that has ended when another apply begins.
pub(crate) fn options() -> ApplyOptions {
    let mut options = ApplyOptions::default();
    options.lease = Duration::ZERO;
    options
}

pub(crate) fn manifest(text: &str) -> Manifest {
    Manifest::parse("limits.yaml", text).unwrap_or_else(|faults| panic!("{faults}"))
}

pub(crate) async fn open(client: aws_sdk_dynamodb::Client) -> RateLimiter {
    RateLimiter::open()
        .stack(TABLE)
        .namespace("default")
        .client(client)
        .provision(CreateTable::new().without_stream())
        .await
        .unwrap()
}

pub(crate) fn text(value: &AttributeValue) -> String {
    value.as_s().cloned().unwrap_or_default()
}
