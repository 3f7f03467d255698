//! The counts of a test beside the metrics that the limited server has of itself, and beside what its
//! buckets were charged.

use std::{collections::BTreeMap, time::Duration};

use axum::{Router, response::IntoResponse, routing::get};
use metrics::LocalRecorderGuard;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tollgate::{
    EntityId, Limit, RateLimitLayer, RateLimiter,
    layer::{Policy, PolicyBuilder, Settle, Usage, keys},
    model::Entity,
};
use tollgate_loadtest::{
    Load, LoadTest, Report,
    targets::{HttpTarget, Keys},
};
use tollgate_testkit::Engine;

use crate::{
    limiter::{consumed, open},
    server::serve,
};

/// Records the metrics of this thread, which is all that the tests' runtimes have.
struct Metrics {
    handle: PrometheusHandle,
    _guard: LocalRecorderGuard<'static>,
}

impl Metrics {
    fn record() -> Self {
        // Recorders are identified by their addresses.
        let recorder = Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
        Self {
            handle: recorder.handle(),
            _guard: metrics::set_default_local_recorder(recorder),
        }
    }

    /// Returns the decisions of the layer, by outcome.
    fn decisions(&self) -> BTreeMap<String, u64> {
        let text = self.handle.render();
        let lines = text
            .lines()
            .filter(|line| line.starts_with("tollgate_decisions_total{"));
        let mut sums = BTreeMap::new();
        for line in lines {
            let (_, outcome) = line.split_once("outcome=\"").unwrap();
            let (outcome, _) = outcome.split_once('"').unwrap();
            let (_, count) = line.rsplit_once(' ').unwrap();
            *sums.entry(outcome.to_owned()).or_default() += count.parse::<u64>().unwrap();
        }
        sums
    }
}

fn policy() -> PolicyBuilder {
    Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::fixed("api"))
}

/// Asks the handler behind the policy 200 times, for four users.
async fn ask(
    limiter: &RateLimiter,
    policy: PolicyBuilder,
    handler: impl IntoResponse + Clone + Send + Sync + 'static,
) -> Report {
    let layer = RateLimitLayer::new(limiter.clone(), policy.build().unwrap());
    let handler = get(move || async move { handler });
    let url = serve(Router::new().route("/", handler).layer(layer)).await;
    let target = HttpTarget::new(&url).unwrap();
    let target = target.header("x-user", "user-{key}").unwrap();
    let target = target.keys(Keys::uniform("", 4));
    let load = Load::users(8).lasting(Duration::from_secs(600));
    LoadTest::new(load).requests(200).run(target).await
}

fn assert_agrees(report: &Report, metrics: &Metrics) {
    let told = metrics.decisions();
    let of = |outcome: &str| told.get(outcome).copied().unwrap_or(0);
    let counts = report.counts;
    assert_eq!(
        (counts.granted, counts.denied, counts.unavailable),
        (of("granted"), of("denied"), of("unavailable")),
        "{told:?}, {:?}",
        report.problems
    );
    assert_eq!(counts.total(), 200);
}

/// Waits until the buckets of the entities were charged `tokens` of a limit, or gives up and fails.
/// A lease ends a moment after its client has the last byte.
async fn assert_charged(limiter: &RateLimiter, entities: &[&str], limit: &str, tokens: u64) {
    let expected = i64::try_from(tokens * 1000).unwrap();
    let mut charged = 0;
    for _ in 0..500 {
        charged = 0;
        for entity in entities {
            charged += consumed(limiter, entity, limit).await;
        }
        if charged == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(charged, expected, "{limit} of {entities:?}");
}

const USERS: [&str; 4] = ["user-0", "user-1", "user-2", "user-3"];

#[tokio::test]
async fn denials_are_those_of_the_server() {
    let (engine, metrics) = (Engine::start().await, Metrics::record());
    let limiter = open(&engine).await;
    let report = ask(&limiter, policy().limit(Limit::per_day("rpd", 10)), "hello").await;
    assert_agrees(&report, &metrics);
    assert_eq!((report.counts.granted, report.counts.denied), (40, 160));
    assert_charged(&limiter, &USERS, "rpd", 40).await;
}

#[tokio::test]
async fn a_cascade_is_granted_as_often_as_its_parent_is_charged() {
    let (engine, metrics) = (Engine::start().await, Metrics::record());
    let limiter = open(&engine).await;
    let id = |name: &str| name.parse::<EntityId>().unwrap();
    let entities = limiter.entities();
    entities.ensure(Entity::new(id("project"))).await.unwrap();
    for user in USERS {
        let child = Entity::new(id(user)).with_parent(id("project")).cascading();
        entities.ensure(child).await.unwrap();
    }
    // The parent has the same limit, so its children together get what one of them could get.
    let report = ask(&limiter, policy().limit(Limit::per_day("rpd", 30)), "hello").await;
    assert_agrees(&report, &metrics);
    assert_eq!(report.counts.granted, 30, "{:?}", report.problems);
    assert_charged(&limiter, &["project"], "rpd", 30).await;
    assert_charged(&limiter, &USERS, "rpd", 30).await;
}

#[tokio::test]
async fn streams_are_charged_what_they_say_they_used() {
    let (engine, metrics) = (Engine::start().await, Metrics::record());
    let limiter = open(&engine).await;
    let policy = policy()
        .limit(Limit::per_day("tpd", 1000))
        .cost("tpd", 10)
        .settle("tpd", Settle::usage(Usage::total()));
    let events = concat!(
        "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}],\"usage\":null}\n\n",
        "data: {\"choices\":[],\"usage\":{\"total_tokens\":25}}\n\n",
        "data: [DONE]\n\n",
    );
    let answer = ([("content-type", "text/event-stream")], events);
    let report = ask(&limiter, policy, answer).await;
    assert_agrees(&report, &metrics);
    // 1000 tokens are 40 streams. Users are drawn at random, so some may ask for less.
    assert!(
        report.counts.denied > 0 && report.counts.granted > 100,
        "{:?}",
        report.counts
    );
    assert!(report.bytes >= report.counts.granted * events.len() as u64);
    assert_charged(&limiter, &USERS, "tpd", report.counts.granted * 25).await;
}
