//! Metrics of how full memory stores are.

use tollgate::{
    Limit, RateLimiter,
    store::{MemoryStore, WhenFull},
};

use super::scrape::Recording;

#[tokio::test]
async fn the_gauges_show_how_full_a_store_is() {
    let recording = Recording::start();
    // Stores of other tests count too, so the gauges show at least what this store has.
    let gauge = |name| recording.get(name, &[]).unwrap_or(0.0);
    for (rule, result) in [
        (WhenFull::Refuse, "refused"),
        (WhenFull::Share, "shared"),
        (WhenFull::ForgetFullest, "forgot"),
    ] {
        let limiter =
            RateLimiter::builder().build_memory(MemoryStore::with_capacity(64_000).when_full(rule));
        assert!(gauge("memory_buckets_capacity") >= 64_000.0);
        for number in 0..70_000 {
            let acquire = limiter
                .acquire(format!("made-up-{number}"), "api")
                .limits(Limit::per_day("rpd", 5));
            drop(acquire.await.map(|lease| lease.commit()));
        }
        assert!(
            gauge("memory_buckets") >= 60_000.0,
            "{}",
            gauge("memory_buckets")
        );
        let told = recording.get("memory_full_total", &[("result", result)]);
        assert!(told >= Some(5000.0), "{result}: {told:?}");
    }
}
