//! A table with a stream on the embedded engine, its buckets, and its snapshots.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use tollgate::{Limit, RateLimiter, store::dynamodb::CreateTable};
use tollgate_ops::{
    OpsError,
    follow::{FollowOptions, Progress, Totals, follow},
    record::Item,
    usage::{SnapshotState, WindowLength},
};
use tollgate_testkit::Engine;

pub(crate) const STACK: &str = "limits-of-the-tests";

/// Millitokens by entity, resource and limit.
pub(crate) type Sums = BTreeMap<(String, String, String), i64>;

pub(crate) struct Stage {
    pub(crate) engine: Engine,
    pub(crate) limiter: RateLimiter,
    /// The counters of buckets that are gone.
    gone: Sums,
}

impl Stage {
    pub(crate) async fn new(engine: Engine) -> Self {
        let limiter = limiter(&engine).await;
        Self {
            engine,
            limiter,
            gone: Sums::new(),
        }
    }

    /// Consumes, and writes everything that the limiter holds back.
    pub(crate) async fn consume(&mut self, entity: &str, resource: &str, amounts: &[u64]) {
        for amount in amounts {
            let lease = self
                .limiter
                .acquire(entity, resource)
                .limits([
                    Limit::per_minute("rpm", 1_000_000),
                    Limit::per_minute("tpm", 1_000_000),
                ])
                .cost("rpm", 1)
                .cost("tpm", *amount)
                .await
                .unwrap();
            lease.commit();
        }
        self.settle().await;
    }

    /// Ends the limiter, which writes what it holds back, and opens it again.
    async fn settle(&mut self) {
        self.limiter.shutdown().await;
        self.limiter = limiter(&self.engine).await;
    }

    pub(crate) async fn items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        let mut from = None;
        loop {
            let scan = self.engine.client().scan().table_name(STACK);
            let page = scan
                .consistent_read(true)
                .set_exclusive_start_key(from)
                .send()
                .await
                .unwrap();
            items.extend(page.items.unwrap_or_default());
            from = page.last_evaluated_key;
            if from.is_none() {
                return items;
            }
        }
    }

    /// Returns the sums of the counters of all buckets, over all their incarnations.
    pub(crate) async fn consumed(&self) -> Sums {
        let mut sums = self.gone.clone();
        for item in self.items().await {
            if text(&item, "SK") == "#STATE" {
                add_counters(&mut sums, &item);
            }
        }
        sums
    }

    /// Lets a bucket expire. Its item stays until the engine deletes it.
    pub(crate) async fn expire(&mut self, entity: &str, resource: &str) {
        let items = self.items().await;
        let bucket = items.iter().find(|item| {
            text(item, "SK") == "#STATE"
                && text(item, "entity_id") == entity
                && text(item, "resource") == resource
        });
        let bucket = bucket.unwrap();
        add_counters(&mut self.gone, bucket);
        self.set_expired(bucket).await;
    }

    pub(crate) async fn set_expired(&self, item: &Item) {
        let client = self.engine.client();
        let update = client.update_item().table_name(STACK);
        update
            .key("PK", item["PK"].clone())
            .key("SK", item["SK"].clone())
            .update_expression("SET #ttl = :past")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":past", AttributeValue::N("1000".into()))
            .send()
            .await
            .unwrap();
    }

    /// Returns the sums of the snapshots of a length.
    pub(crate) async fn counted(&self, word: &str) -> Sums {
        let mut sums = Sums::new();
        for item in self.items().await {
            if !text(&item, "SK").starts_with("#USAGE#") || text(&item, "window") != word {
                continue;
            }
            let state = SnapshotState::decode(&item).unwrap();
            for (limit, rest) in &state.rest {
                let whole = number(&item, limit).unwrap();
                let key = (
                    text(&item, "entity_id").to_owned(),
                    text(&item, "resource").to_owned(),
                    limit.clone(),
                );
                *sums.entry(key).or_default() += whole * 1000 + rest;
            }
        }
        sums
    }

    pub(crate) async fn assert_exact(&self, what: &str) {
        let consumed = self.consumed().await;
        for word in ["hourly", "daily", "monthly"] {
            assert_eq!(self.counted(word).await, consumed, "{what}: {word}");
        }
    }

    /// Counts until everything is counted.
    pub(crate) async fn once(
        &self,
        options: &FollowOptions,
    ) -> (Result<Totals, OpsError>, Vec<Progress>) {
        let mut reports = Vec::new();
        let totals = follow(
            &self.engine.client(),
            &streams(&self.engine),
            options,
            pending(),
            |progress| reports.push(progress),
        )
        .await;
        (totals, reports)
    }

    /// Counts the rest, after an aggregator whose last write may still be on its way.
    pub(crate) async fn rest(&self, options: &FollowOptions) {
        for _ in 0..100 {
            match self.once(options).await.0 {
                Ok(_) => return,
                Err(OpsError::TakenOver | OpsError::Held { .. }) => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the lease did not end");
    }
}

pub(crate) fn options() -> FollowOptions {
    let mut options = FollowOptions::new(STACK);
    options.windows = BTreeSet::from([WindowLength::Hour, WindowLength::Day, WindowLength::Month]);
    options.once = true;
    options.poll_every = Duration::from_millis(10);
    options
}

async fn limiter(engine: &Engine) -> RateLimiter {
    RateLimiter::open()
        .stack(STACK)
        .namespace("default")
        .client(engine.client())
        .provision(CreateTable::new())
        .await
        .unwrap()
}

pub(crate) fn streams(engine: &Engine) -> aws_sdk_dynamodbstreams::Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_sdk_dynamodbstreams::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(engine.endpoint())
        .http_client(http);
    aws_sdk_dynamodbstreams::Client::from_conf(config.build())
}

pub(crate) fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .map_or("", String::as_str)
}

pub(crate) fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn add_counters(sums: &mut Sums, bucket: &Item) {
    for attribute in bucket.keys() {
        let limit = attribute
            .strip_prefix("b_")
            .and_then(|name| name.strip_suffix("_tc"));
        let Some(limit) = limit.filter(|limit| *limit != "wcu") else {
            continue;
        };
        let key = (
            text(bucket, "entity_id").to_owned(),
            text(bucket, "resource").to_owned(),
            limit.to_owned(),
        );
        *sums.entry(key).or_default() += number(bucket, attribute).unwrap();
    }
}
