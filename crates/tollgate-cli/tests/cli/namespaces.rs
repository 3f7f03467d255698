//! Commands for namespaces.

use crate::stage::Stage;

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
