//! Several processes.

use super::{all, assert_charged, consumed};
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_several_processes_is_that_of_one_test() {
    let stage = Stage::with_stack().await;
    let run = "loadtest run --deadline 10s --rate 100 --duration 2s --processes 3 --keep --entity user --keys 30 -l rpm:3";
    let report = stage.json(run);
    // Each arrival is made by one process.
    assert_eq!(all(&report, "counts"), 200, "{report}");
    assert_eq!(report["processes"], 3);
    assert_eq!(report["latency"]["count"], 200);
    assert_charged(&report, consumed(&stage).await.into_values().sum());
    let timeline = report["timeline"].as_array().unwrap();
    let moments = timeline.iter().map(|moment| all(moment, "counts"));
    assert_eq!(moments.sum::<u64>(), 200);
    assert!(report["write_units"].as_f64() > Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_cannot_begin_says_why() {
    let stage = Stage::with_stack().await;
    // Only the processes ask for the bucket's namespace a second time.
    let ran =
        stage.run("loadtest run --url http://127.0.0.1:1/ --processes 2 --requests 10 --users 2");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("10 calls: no connection"), "{ran:?}");
    assert!(
        ran.err.contains("no call got a decision: no connection"),
        "{ran:?}"
    );
    let few = stage.run("loadtest run --users 2 --processes 3");
    assert_eq!((few.code, few.err.lines().count()), (2, 1), "{few:?}");
    assert!(few.err.contains("each needs one at least"), "{few:?}");
}
