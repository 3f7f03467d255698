//! A table, a proxy in front of it, and the function.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{Limit, RateLimiter, store::dynamodb::CreateTable};
use tollgate_ops::usage::SnapshotState;
use tollgate_testkit::{
    Engine, Proxy,
    functions::{EventSource, Function},
};

/// The stack of the tests.
pub(crate) const STACK: &str = "limits";

/// Longer than the time since the beginning of any history.
pub(crate) const AGES: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Millitokens by entity, resource and limit.
pub(crate) type Sums = BTreeMap<(String, String, String), i64>;

/// An engine with a stack, and a proxy that the function uses.
pub(crate) struct Stage {
    pub(crate) engine: Engine,
    pub(crate) proxy: Proxy,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let engine = Engine::start().await;
        let proxy = Proxy::start(engine.address()).await;
        let stage = Self { engine, proxy };
        stage.limiter().await;
        stage
    }

    pub(crate) async fn limiter(&self) -> RateLimiter {
        RateLimiter::open()
            .stack(STACK)
            .namespace("default")
            .client(self.engine.client())
            .provision(CreateTable::new())
            .await
            .unwrap()
    }

    /// Consumes tokens of the limits `rpm` and `tpm`, and writes all that is held back.
    pub(crate) async fn consume(&self, entities: &[&str], amounts: &[u64]) {
        let limiter = self.limiter().await;
        let limits = || ["rpm", "tpm"].map(|name| Limit::per_minute(name, 1_000_000));
        for entity in entities {
            for amount in amounts {
                let lease = limiter
                    .acquire(*entity, "api")
                    .limits(limits())
                    .cost("rpm", 1)
                    .cost("tpm", *amount)
                    .await
                    .unwrap();
                lease.commit();
            }
        }
        limiter.shutdown().await;
    }

    /// Returns the aggregator.
    pub(crate) fn function(&self) -> Function {
        Function::new(env!("CARGO_BIN_EXE_tollgate"))
            .handler("aggregator")
            .variable("AWS_LAMBDA_FUNCTION_NAME", "limits-aggregator")
            .variable("AWS_ENDPOINT_URL", self.proxy.endpoint())
            .variable("TABLE_NAME", STACK)
            .variable("SNAPSHOT_WINDOWS", "hourly,daily,monthly")
    }

    /// Returns an event source of the aggregator, as a stack has one.
    pub(crate) fn source(&self) -> EventSource {
        EventSource::new(self.function())
            .bisect(true)
            .record_age(AGES)
    }

    /// Returns the sums of the counters of all buckets.
    pub(crate) async fn consumed(&self) -> Sums {
        let mut sums = Sums::new();
        for item in self.items().await {
            for (name, value) in &item {
                let limit = name
                    .strip_prefix("b_")
                    .and_then(|name| name.strip_suffix("_tc"));
                if let Some(limit) = limit.filter(|limit| *limit != "wcu") {
                    *sums.entry(key(&item, limit)).or_default() += number(value);
                }
            }
        }
        sums
    }

    /// Returns the sums of the snapshots of a length.
    pub(crate) async fn counted(&self, word: &str) -> Sums {
        let mut sums = Sums::new();
        for item in self.items().await {
            if !text(&item, "SK").starts_with("#USAGE#") || text(&item, "window") != word {
                continue;
            }
            for (limit, rest) in SnapshotState::decode(&item).unwrap().rest {
                *sums.entry(key(&item, &limit)).or_default() += number(&item[&limit]) * 1000 + rest;
            }
        }
        sums
    }

    /// Checks the sums of all lengths.
    pub(crate) async fn assert_counted(&self, consumed: &Sums, what: &str) {
        for word in ["hourly", "daily", "monthly"] {
            assert_eq!(&self.counted(word).await, consumed, "{what}: {word}");
        }
    }

    async fn items(&self) -> Vec<tollgate_ops::record::Item> {
        let (mut items, mut from) = (Vec::new(), None);
        loop {
            let client = self.engine.client();
            let scan = client.scan().table_name(STACK).consistent_read(true);
            let page = scan.set_exclusive_start_key(from).send().await.unwrap();
            items.extend(page.items.unwrap_or_default());
            from = page.last_evaluated_key;
            if from.is_none() {
                return items;
            }
        }
    }
}

fn key(item: &tollgate_ops::record::Item, limit: &str) -> (String, String, String) {
    let (entity, resource) = (text(item, "entity_id"), text(item, "resource"));
    (entity.to_owned(), resource.to_owned(), limit.to_owned())
}

fn text<'a>(item: &'a tollgate_ops::record::Item, name: &str) -> &'a str {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value.map_or("", String::as_str)
}

fn number(value: &AttributeValue) -> i64 {
    value.as_n().unwrap().parse().unwrap()
}
