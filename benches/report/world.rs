//! An engine, limiters on it, and the bare update to compare them with.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::{Client, operation::update_item::UpdateItemInput};
use tollgate::{
    Limit, Limits, RateLimiter, limiter::RateLimiterBuilder, store::dynamodb::CreateTable,
};
use tollgate_testkit::Engine;

use crate::{meter::Meter, sample::Subject};

pub(crate) const STACK: &str = "limits";
pub(crate) const RESOURCE: &str = "api";

/// An amount that no benchmark uses up.
const PLENTY: u64 = 1_000_000_000;

/// Returns limits that are never exhausted and never full again: a full bucket would make every
/// write a refill.
pub(crate) fn plenty() -> Limits {
    Limits::from(Limit::new("rph", PLENTY, 1, Duration::from_secs(3600)).expect("it is valid"))
}

/// Returns settings with long timeouts, so that a busy machine does not look like an outage.
pub(crate) fn patient() -> RateLimiterBuilder {
    let deadline = Duration::from_secs(30);
    RateLimiter::builder()
        .deadline(deadline)
        .store_deadline(deadline)
}

/// Returns a limiter for the table that `client` reaches. The table is created without a stream if
/// it is missing.
pub(crate) async fn open(client: Client, settings: RateLimiterBuilder) -> RateLimiter {
    RateLimiter::open()
        .stack(STACK)
        .namespace("default")
        .client(client)
        .provision(CreateTable::new().without_stream())
        .settings(settings)
        .await
        .expect("the table opens")
}

/// An engine with a table of its own.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) limiter: RateLimiter,
}

impl World {
    pub(crate) async fn new() -> Self {
        let engine = Engine::start().await;
        let limiter = open(engine.client(), patient()).await;
        Self { engine, limiter }
    }

    /// Returns our acquires from the buckets of `entities`, which are created first.
    pub(crate) async fn ours(&self, entities: &[String]) -> Arc<Ours> {
        Ours::new(&self.limiter, entities).await
    }

    /// Returns the bare update of a plain spend, for the buckets of `entities`. Keys, expression,
    /// conditions and return values are copied from an update that a limiter has sent for the same
    /// bucket.
    pub(crate) async fn bare(&self, client: Client, entities: &[String]) -> Arc<Bare> {
        let meter = Meter::default();
        let scribe = open(meter.client(self.engine.dynamodb_config()), patient()).await;
        let mut updates = Vec::new();
        for entity in entities {
            // The first acquire creates the bucket, the second is a plain spend.
            for _ in 0..2 {
                scribe
                    .acquire(entity.as_str(), RESOURCE)
                    .limits(plenty())
                    .await
                    .expect("there is plenty")
                    .commit();
            }
            updates.push(meter.take().update.expect("an update was sent"));
        }
        scribe.shutdown().await;
        Arc::new(Bare { client, updates })
    }
}

/// A request that acquires one token and commits it.
pub(crate) struct Ours {
    limiter: RateLimiter,
    limits: Limits,
    entities: Vec<String>,
}

impl Ours {
    pub(crate) async fn new(limiter: &RateLimiter, entities: &[String]) -> Arc<Self> {
        let ours = Self {
            limiter: limiter.clone(),
            limits: plenty(),
            entities: entities.to_vec(),
        };
        for index in 0..entities.len() {
            ours.ask(index).await;
        }
        Arc::new(ours)
    }
}

impl Subject for Ours {
    async fn ask(&self, task: usize) {
        let entity = self.entities[task % self.entities.len()].as_str();
        self.limiter
            .acquire(entity, RESOURCE)
            .limits(&self.limits)
            .await
            .expect("there is plenty")
            .commit();
    }
}

/// A request that sends one update with the SDK and ignores its answer.
pub(crate) struct Bare {
    client: Client,
    updates: Vec<UpdateItemInput>,
}

impl Subject for Bare {
    async fn ask(&self, task: usize) {
        let update = &self.updates[task % self.updates.len()];
        self.client
            .update_item()
            .set_table_name(update.table_name.clone())
            .set_key(update.key.clone())
            .set_update_expression(update.update_expression.clone())
            .set_condition_expression(update.condition_expression.clone())
            .set_expression_attribute_names(update.expression_attribute_names.clone())
            .set_expression_attribute_values(update.expression_attribute_values.clone())
            .set_return_values(update.return_values.clone())
            .set_return_values_on_condition_check_failure(
                update.return_values_on_condition_check_failure.clone(),
            )
            .send()
            .await
            .expect("its condition holds");
    }
}

/// Returns `count` names.
pub(crate) fn names(of: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{of}-{index}")).collect()
}
