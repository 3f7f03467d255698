//! Both flood one bucket at the same time.

use std::time::{Duration, Instant};

use serde_json::json;
use tollgate::{Limit, RateLimiter};

use super::peer::{Maker, table_or_skip};

const CAPACITY: u64 = 200;
const PER_SECOND: u64 = 100;
const SECONDS: u64 = 5;

async fn flood(limiter: RateLimiter, until: Instant) -> u64 {
    let mut granted = 0;
    while Instant::now() < until {
        let limit = Limit::per_second("rps", PER_SECOND).with_burst(CAPACITY);
        match limiter.acquire("hot", "api").limits(limit).await {
            Ok(lease) => {
                lease.commit();
                granted += 1;
            }
            Err(error) => {
                let wait = error.denied().expect("a denial").retry_after().unwrap();
                tokio::time::sleep(wait.min(Duration::from_millis(50))).await;
            }
        }
    }
    granted
}

#[tokio::test]
async fn nothing_is_admitted_beyond_the_limit() {
    let mut table = table_or_skip!(Maker::Ours);
    let limits = json!([{
        "name": "rps", "capacity": CAPACITY, "refill_amount": PER_SECOND, "refill_period_seconds": 1,
    }]);
    let began = Instant::now();
    let request = json!({
        "op": "flood", "entity": "hot", "resource": "api", "consume": {"rps": 1}, "limits": limits,
        "tasks": 4, "seconds": SECONDS,
    });
    table.theirs.send(request).await;
    let until = began + Duration::from_secs(SECONDS);
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(flood(table.ours.clone(), until))).collect();
    let mut ours = 0;
    for task in tasks {
        ours += task.await.unwrap();
    }
    let answer = table.theirs.receive().await;
    let theirs = answer["granted"].as_u64().unwrap();
    let seconds = began.elapsed().as_secs_f64();
    let most = CAPACITY as f64 + PER_SECOND as f64 * seconds;
    assert!(ours > 0 && theirs > 0, "{ours} ours, {theirs} theirs");
    assert!((ours + theirs) as f64 <= most, "{ours} ours and {theirs} theirs, at most {most}");
    eprintln!("{ours} ours and {theirs} theirs of at most {most:.0} in {seconds:.2} s");
}
