//! Load tests of a table.

use super::{all, assert_charged, calls, consumed, entities};
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_test_has_a_namespace_of_its_own_and_removes_it() {
    let stage = Stage::with_stack().await;
    let before = stage.items().await;
    let report =
        stage.json("loadtest run --deadline 10s --users 4 --requests 100 --duration 10m --keys 3");
    assert_eq!(report["counts"]["granted"], 100, "{report}");
    assert_eq!(report["loop"], "closed");
    let units = report["write_units"].as_f64().unwrap();
    // Requests of a bucket that wait at the same time share a write.
    assert!((3.0..=400.0).contains(&units), "{report}");
    assert!(report["latency"]["p99"].as_f64() > Some(0.0), "{report}");
    let told = report["clean_up"].as_str().unwrap();
    assert!(
        told.starts_with("Removed the test's namespace loadtest-"),
        "{told}"
    );
    assert_eq!(stage.items().await, before, "nothing stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_what_the_report_says() {
    let stage = Stage::with_stack().await;
    let report = stage.json(
        "loadtest run --deadline 10s --rate 200 --duration 1s --warm-up 1s --keep --entity user -l rpm:50 --keys 2 --zipf 1",
    );
    assert_eq!(
        (all(&report, "counts"), all(&report, "warm_up")),
        (200, 200),
        "{report}"
    );
    assert!(calls(&report, "counts", &["denied"]) > 0, "{report}");
    assert_charged(&report, consumed(&stage).await.into_values().sum());
    assert_eq!(entities(&stage).await, ["user-0", "user-1"]);
    assert_eq!(report["loop"], "open");
    assert!(report["lag"]["count"].as_u64() == Some(200), "{report}");
    let told = report["clean_up"].as_str().unwrap();
    assert!(
        told.starts_with("Everything stays in namespace loadtest-"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_namespace_has_its_stored_limits_and_loses_only_the_tests_entities() {
    let stage = Stage::with_stack().await;
    stage.ok("resource set-defaults api -l rpm:40");
    let run =
        "loadtest run --deadline 10s -N default -r api --users 2 --requests 100 --duration 10m";
    let report = stage.json(run);
    let granted = report["counts"]["granted"].as_u64().unwrap();
    assert!((40..60).contains(&granted), "{report}");
    let told = report["clean_up"].as_str().unwrap();
    assert!(told.starts_with("Removed the test's entities"), "{told}");
    assert_eq!(consumed(&stage).await.len(), 0, "no bucket stays");

    // A named entity is charged, and stays.
    let report = stage.json(&format!("{run} --entity user-1"));
    let granted = report["counts"]["granted"].as_u64().unwrap();
    assert_eq!(consumed(&stage).await.into_values().sum::<u64>(), granted);
    let told = report["clean_up"].as_str().unwrap();
    assert!(told.contains("stay in namespace default"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cascade_charges_the_parent_for_all_children() {
    let stage = Stage::with_stack().await;
    let run = "loadtest run --deadline 10s --scenario cascade --entity user --keys 3 --users 3 --requests 60 --duration 10m --keep";
    let report = stage.json(run);
    assert_eq!(report["counts"]["granted"], 60, "{report}");
    let mut charged = consumed(&stage).await;
    let parent = ("user-parent".to_owned(), "rps".to_owned());
    assert_eq!(charged.remove(&parent), Some(60), "{charged:?}");
    assert_eq!(charged.len(), 3);
    assert_eq!(charged.values().sum::<u64>(), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_settled_to_their_tokens() {
    let stage = Stage::with_stack().await;
    let report = stage.json(
        "loadtest run --deadline 10s -s llm --entity user --rate 50 --duration 1s --keep \
         --estimate 100 --tokens 250 --tokens-per-second 2000",
    );
    assert_eq!(report["counts"]["granted"], 50, "{report}");
    let charged = consumed(&stage).await;
    assert_eq!(charged[&("user".to_owned(), "tpm".to_owned())], 50 * 250);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_is_text_for_people_and_a_row_of_csv() {
    let stage = Stage::with_stack().await;
    let run = "loadtest run --deadline 10s -s max-rate --requests 500 --duration 10m -l rpm:100";
    let text = stage.ok(run);
    for part in [
        " decisions/s in ",
        "closed loop of 64 users, 1 process",
        "denied",
        "p99.9 ",
        "write units",
        "Removed",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let csv = stage.ok(&format!("{run} -o csv"));
    assert_eq!(csv.lines().count(), 2, "{csv}");
}
