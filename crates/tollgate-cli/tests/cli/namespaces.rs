//! Commands for namespaces.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use crate::stage::{STACK, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_lives_is_recovered_and_purged() {
    let stage = Stage::with_stack().await;
    let registered = stage.json("namespace register tenant other");
    let id = registered[0]["namespace_id"].as_str().unwrap().to_owned();
    assert_eq!(
        stage.json("namespace register tenant")[0]["namespace_id"],
        id.as_str()
    );
    assert_eq!(stage.json("namespace show tenant")["status"], "active");
    assert_eq!(stage.json("namespace list").as_array().unwrap().len(), 3);

    stage.ok("entity create user-1 -N tenant");
    let early = stage.run(&format!("namespace purge {id} --yes"));
    assert_eq!(
        early.code, 1,
        "an active namespace is not purged: {early:?}"
    );

    stage.ok("namespace delete tenant --yes");
    assert_eq!(stage.run("entity show user-1 -N tenant").code, 1);
    assert_eq!(stage.run("namespace delete tenant --yes").code, 1);
    assert_eq!(
        stage.json("namespace orphans")[0]["namespace_id"],
        id.as_str()
    );

    stage.ok(&format!("namespace recover {id}"));
    stage.ok("entity show user-1 -N tenant");

    stage.ok("namespace delete tenant --yes");
    let purged = stage.json(&format!("namespace purge {id} --yes"));
    assert_eq!(purged["items_deleted"], 2, "{purged}");
    let again = stage.run(&format!("namespace purge {id} --yes"));
    assert_eq!(again.code, 1, "a wrong id is told: {again:?}");
    assert!(stage.ok("namespace orphans").contains("Total: 0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_are_listed_even_if_the_default_one_does_not_exist() {
    let stage = Stage::with_stack().await;
    stage.ok("namespace register tenant");
    stage.ok("namespace delete default --yes");
    assert_eq!(stage.json("namespace list")[0]["name"], "tenant");
    assert!(stage.ok("status").contains("Available:"));
    assert!(stage.ok("check").contains("COMPATIBLE"));
}

/// Guards items that nothing can delete: an aggregator that lags writes usage after the purge.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_after_a_purge_can_be_purged() {
    let stage = Stage::with_stack().await;
    let registered = stage.json("namespace register tenant");
    let id = registered[0]["namespace_id"].as_str().unwrap().to_owned();
    let kept = stage.json("namespace show default")["namespace_id"].clone();
    let kept = kept.as_str().unwrap().to_owned();
    let put = async |id: &str, count: usize| {
        for number in 0..count {
            let text = |text: String| AttributeValue::S(text);
            let put = stage.engine.client().put_item().table_name(STACK);
            put.item("PK", text(format!("{id}/ENTITY#user-{number}")))
                .item("SK", text("#USAGE#api#2026-01-31T09:00:00Z".into()))
                .item("GSI4PK", text(id.to_owned()))
                .item("GSI4SK", text(format!("{id}/ENTITY#user-{number}")))
                .send()
                .await
                .unwrap();
        }
    };
    stage.ok("namespace delete tenant --yes");
    stage.ok(&format!("namespace purge {id} --yes"));
    put(&id, 30).await;
    put(&kept, 2).await;
    let before = stage.items().await.len();

    let asked = stage.run(&format!("namespace purge {id}"));
    assert_eq!(asked.code, 2, "{asked:?}");
    let purged = stage.json(&format!("namespace purge {id} --yes"));
    assert_eq!(purged["items_deleted"], 30, "{purged}");
    assert_eq!(stage.items().await.len(), before - 30);
    let again = stage.run(&format!("namespace purge {id} --yes"));
    assert_eq!(again.code, 1, "{again:?}");

    // Neither an active namespace nor the table's own records.
    for wrong in [kept.as_str(), "_", "default"] {
        let refused = stage.run(&format!("namespace purge {wrong} --yes"));
        assert_eq!(refused.code, 1, "{refused:?}");
    }
    assert_eq!(stage.items().await.len(), before - 30);
    // Also if its registry has lost the record of the id.
    let key = [
        ("PK", "_/SYSTEM#".to_owned()),
        ("SK", format!("#NSID#{kept}")),
    ];
    let key = key.map(|(name, text)| (name.to_owned(), AttributeValue::S(text)));
    let delete = stage.engine.client().delete_item().table_name(STACK);
    let deleted = delete
        .set_key(Some(key.into()))
        .return_values(ReturnValue::AllOld)
        .send()
        .await
        .unwrap();
    assert!(deleted.attributes.is_some(), "the record has another key");
    let refused = stage.run(&format!("namespace purge {kept} --yes"));
    assert!(
        refused.code == 1 && refused.err.contains("is active"),
        "{refused:?}"
    );
}
