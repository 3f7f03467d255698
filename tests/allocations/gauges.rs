//! Gauges of the whole process. These gauges are tested here because no other test of this binary
//! has gates meanwhile.

use metrics_exporter_prometheus::PrometheusBuilder;
use tollgate::{Limit, RateLimiter, store::MemoryStore};

#[tokio::test]
async fn the_gauges_count_gates_and_settlements_while_they_exist() {
    let _gates = super::GATES_OF_ONE.lock().await;
    let limiter = RateLimiter::builder().build(MemoryStore::new()).unwrap();
    let limit = Limit::per_minute("tpm", 100);
    // Create the bucket and its gate before the recorder is set.
    limiter
        .acquire("first", "api")
        .limits(limit.clone())
        .await
        .unwrap()
        .commit();

    let recorder = PrometheusBuilder::new().build_recorder();
    let scrape = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let gauge = |name: &str| {
        let text = scrape.render();
        let line = text.lines().find_map(|line| {
            line.strip_prefix(&format!("tollgate_{name} "))
                .map(str::to_owned)
        });
        line.map(|value| value.parse::<f64>().unwrap())
    };
    assert_eq!(gauge("gates"), None);
    let lease = limiter
        .acquire("second", "api")
        .limits(limit)
        .cost("tpm", 10)
        .await
        .unwrap();
    assert_eq!(gauge("gates"), Some(2.0), "the one before counts too");

    assert_eq!(gauge("settlements_pending"), None);
    let settlement = lease.rollback();
    assert_eq!(gauge("settlements_pending"), Some(1.0));
    settlement.await.unwrap();
    assert_eq!(gauge("settlements_pending"), Some(0.0));

    limiter.shutdown().await;
    drop(limiter);
    assert_eq!(gauge("gates"), Some(0.0));
}
