//! Several processes.

use super::consumed;
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_several_processes_is_that_of_one_test() {
    let stage = Stage::with_stack().await;
    let run = "loadtest run --rate 100 --duration 2s --processes 3 --keep --entity user --keys 30 -l rpm:3";
    let report = stage.json(run);
    let count = |outcome: &str| report["counts"][outcome].as_u64().unwrap();
    // Each arrival is made by one process.
    assert_eq!(count("granted") + count("denied"), 200, "{report}");
    assert!(
        count("denied") >= 80,
        "30 keys have 3 tokens and little more: {report}"
    );
    assert_eq!(report["processes"], 3);
    assert_eq!(report["latency"]["count"], 200);
    let charged: u64 = consumed(&stage).await.into_values().sum();
    assert_eq!(charged, count("granted"));
    let timeline = report["timeline"].as_array().unwrap();
    let moments = timeline
        .iter()
        .map(|moment| moment["counts"]["granted"].as_u64().unwrap());
    assert_eq!(moments.sum::<u64>(), charged);
    assert!(report["write_units"].as_f64() > Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_cannot_begin_says_why() {
    let stage = Stage::with_stack().await;
    // Only the processes ask for the bucket's namespace a second time.
    let ran =
        stage.run("loadtest run --url http://127.0.0.1:1/ --processes 2 --requests 10 --users 2");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("10 times: no connection"), "{ran:?}");
    let few = stage.run("loadtest run --users 2 --processes 3");
    assert_eq!((few.code, few.err.lines().count()), (2, 1), "{few:?}");
    assert!(few.err.contains("each needs one at least"), "{few:?}");
}
