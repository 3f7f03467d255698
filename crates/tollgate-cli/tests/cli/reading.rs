//! Costs of commands in round trips.

use std::process::Stdio;

use tollgate_testkit::Fault;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_is_shown_with_three_reads_of_which_two_are_made_at_once() {
    let stage = Stage::with_stack().await;
    stage.ok("entity create user-1");
    let before = stage.proxy.counts();
    stage.ok("entity show user-1");
    let mut calls = stage.proxy.counts();
    for (operation, count) in before {
        *calls.get_mut(&operation).unwrap() -= count;
    }
    calls.retain(|_, count| *count > 0);
    assert_eq!(
        calls.values().sum::<u64>(),
        3,
        "version, namespace, entity: {calls:?}"
    );

    // The key of an entity begins with the namespace's id, so the entity must wait for that. But
    // the namespace does not wait for the version: both are asked for before anything is answered.
    stage.proxy.set_fault(Fault::black_hole());
    let before = stage.proxy.count("GetItem");
    let mut command = stage.command(["entity", "show", "user-1"]);
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    stage.proxy.until_received("GetItem", before + 2).await;
    child.kill().unwrap();
    child.wait().unwrap();
}
