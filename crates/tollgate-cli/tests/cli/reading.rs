//! Costs of commands in round trips.

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_is_shown_in_one_round_trip_after_opening() {
    let stage = Stage::with_stack().await;
    stage.ok("entity create user-1");
    let before = stage.proxy.counts().values().sum::<u64>();
    stage.ok("entity show user-1");
    let calls = stage.proxy.counts().values().sum::<u64>() - before;
    assert_eq!(
        calls,
        3,
        "version, namespace, entity: {:?}",
        stage.proxy.counts()
    );
}
