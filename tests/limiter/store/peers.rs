//! Items that a Python client or the engine has changed.

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    model::{Anchor, ParentLink, Update},
    store::{Store, WriteOutcome},
};
use tollgate_testkit::conformance::writes::{
    NOW, add, apply, create, key, limit, put, spend, update,
};

use super::table::{TABLE, Table, number_value, text_value};

fn spend_with(anchor: Anchor) -> Update {
    update([spend("rpm", 1_000)]).with_anchor(anchor)
}

/// A Python client moves the anchor and does not mark that.
#[tokio::test]
async fn an_anchor_that_a_python_client_moved_shows_it() {
    let table = Table::create().await;
    let store = table.store();
    put(&store, [limit("rpm", 5_000)]).await;
    assert_eq!(
        table.item().await.unwrap().get("la"),
        number_value(NOW).as_ref()
    );
    table.set([("rf", number_value(NOW + 3))]).await;
    let state = store.read(&key()).await.unwrap().unwrap();
    assert_eq!((state.refilled_at, state.own_anchor), (NOW + 3, Some(NOW)));
    assert!(state.shows_peer());
    // A write that leaves the anchor keeps the sign of the peer. A write that moves the anchor
    // removes it.
    assert!(
        apply(&store, &spend_with(Anchor::Pinned(NOW + 3)))
            .await
            .shows_peer()
    );
    assert!(apply(&store, &spend_with(Anchor::Free)).await.shows_peer());
    let state = apply(
        &store,
        &spend_with(Anchor::Moves {
            seen: NOW + 3,
            to: NOW + 4,
        }),
    )
    .await;
    assert!(!state.shows_peer());
    assert_eq!(
        table.item().await.unwrap().get("la"),
        number_value(NOW + 4).as_ref()
    );

    // An item that this crate has not written.
    table.set([("la", None)]).await;
    let state = store.read(&key()).await.unwrap().unwrap();
    assert!(state.own_anchor.is_none() && state.shows_peer());
}

#[tokio::test]
async fn deleted_items_are_gone_all_the_same() {
    let table = Table::create().await;
    table
        .store()
        .create(&key(), &create([limit("rpm", 10_000)]).with_expires_at(1))
        .await
        .unwrap();
    let Some(engine) = table.engine.embedded() else {
        return;
    };
    assert_eq!(
        engine.sweep_ttl(),
        1,
        "{TABLE} has its time to live switched on"
    );
    assert_eq!(
        table
            .store()
            .update(&key(), &update([spend("rpm", 1)]))
            .await
            .unwrap(),
        WriteOutcome::Refused(None)
    );
    assert!(matches!(
        table.store().create(&key(), &create([])).await.unwrap(),
        WriteOutcome::Applied(_)
    ));
}

/// If a peer has stamped the owner of a bucket, only the peer changes it.
#[tokio::test]
async fn stamps_of_peers_are_left_alone() {
    let table = Table::create().await;
    let store = table.store();
    assert!(!put(&store, [limit("rpm", 5_000)]).await.stamped);
    table.set([("pinc", text_value("70dba97f28e80df0"))]).await;
    assert!(store.read(&key()).await.unwrap().unwrap().stamped);
    let update =
        update([add("rpm", -1_000)]).with_lineage(ParentLink::new("org".try_into().unwrap(), true));
    assert!(matches!(
        store.update(&key(), &update).await.unwrap(),
        WriteOutcome::Refused(Some(_))
    ));
    assert_eq!(table.item().await.unwrap().get("parent_id"), None);
    assert_eq!(
        table.item().await.unwrap()["cascade"],
        AttributeValue::Bool(false)
    );
}
