//! Commands that change entities and limits.

use serde_json::json;
use tollgate_testkit::{ErrorAnswer, Fault};

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_is_created_shown_and_deleted() {
    let stage = Stage::with_stack().await;
    let created = stage
        .ok("entity create key-1 --display-name Key --parent org-1 --cascade --metadata plan=pro");
    assert_eq!(
        created,
        "Created entity 'key-1'\n  Name:    Key\n  Parent:  org-1\n  Cascade: yes\n"
    );
    let mut shown = stage.json("entity show key-1");
    let time = shown["created_at"].take();
    assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    assert_eq!(
        shown,
        json!({"entity": "key-1", "name": "Key", "parent": "org-1", "cascade": true, "created_at": null, "metadata": {"plan": "pro"}})
    );
    assert_eq!(stage.json("entity children org-1")[0]["entity"], "key-1");

    let again = stage.run("entity create key-1");
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.err.contains("key-1"), "{again:?}");

    stage.ok("entity set-limits key-1 -r api -l rpm:5");
    let deleted = stage.json("entity delete key-1 --yes");
    assert_eq!(deleted["items_deleted"], 2, "{deleted}");
    let gone = stage.run("entity show key-1");
    assert_eq!(
        (gone.code, gone.err.as_str()),
        (1, "error: there is no entity key-1\n")
    );
    assert!(
        stage
            .ok("entity delete key-1 -y")
            .starts_with("Nothing to delete")
    );
    let audit = stage.ok("audit list -e key-1 -o csv");
    let actions: Vec<_> = audit
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(1).unwrap())
        .collect();
    assert_eq!(actions, ["entity_deleted", "limits_set", "entity_created"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_set_on_all_levels_and_printed_as_the_peer_prints_them() {
    let stage = Stage::with_stack().await;
    let set = stage.ok("system set-defaults -l rpm:1000:2000 -l tpd:5/2day --on-unavailable allow");
    let body = "  rpm: 1,000/min (burst: 2,000)\n  tpd: 5/2day\n  on_unavailable: allow\n";
    assert_eq!(set, format!("Set 2 system-wide default(s):\n{body}"));
    assert_eq!(
        stage.ok("system get-defaults"),
        "System-wide defaults:\n  Limits:\n    rpm: 1,000/min (burst: 2,000)\n    tpd: 5/2day\n  on_unavailable: allow\n"
    );

    stage.ok("resource set-defaults api -l rpm:10");
    assert_eq!(
        stage.ok("resource get-defaults api"),
        "Defaults for resource 'api':\n  rpm: 10/min\n"
    );
    assert_eq!(
        stage.ok("resource list"),
        "Resources with configured defaults:\n  api\n"
    );

    stage.ok("entity set-limits user-1 -r api -l rpm:20");
    stage.ok("entity set-limits user-1 -l rpm:30/sec");
    assert_eq!(
        stage.ok("entity get-limits user-1"),
        "Limits for entity 'user-1' on resource '_default_':\n  rpm: 30/sec\n"
    );
    assert_eq!(
        stage.ok("entity list-resources -o csv"),
        "name\n_default_\napi\n"
    );
    assert_eq!(stage.ok("entity list --with-custom-limits api"), "user-1\n");
    assert_eq!(
        stage.ok("entity list --with-custom-limits _default_"),
        "user-1\n"
    );
    assert_eq!(
        stage.ok("entity get-limits user-1 -r api -o csv"),
        "scope,limit,capacity,refill_amount,refill_period_seconds\nentity/user-1/api,rpm,20,20,60\n"
    );

    let soft = stage.ok("entity set-limits user-2 -l rpm:20 -l tpm:30 --soft tpm");
    assert!(
        soft.ends_with("  rpm: 20/min\n  tpm: 30/min (soft)\n"),
        "{soft}"
    );
    assert_eq!(
        stage.ok("entity get-limits user-2").lines().last(),
        Some("  tpm: 30/min (soft)")
    );
    stage.ok("entity delete-limits user-2 --yes");

    for (delete, get, none) in [
        (
            "entity delete-limits user-1 -r api",
            "entity get-limits user-1 -r api",
            "No custom limits",
        ),
        (
            "entity delete-limits user-1",
            "entity get-limits user-1",
            "No custom limits",
        ),
        (
            "resource delete-defaults api",
            "resource get-defaults api",
            "No defaults configured",
        ),
        (
            "system delete-defaults",
            "system get-defaults",
            "No system defaults configured",
        ),
    ] {
        assert!(
            stage.ok(&format!("{delete} -y")).starts_with("Deleted"),
            "{delete}"
        );
        assert!(stage.ok(get).starts_with(none), "{get}");
        assert!(
            stage.ok(&format!("{delete} -y")).starts_with(none),
            "{delete}"
        );
        assert_eq!(stage.json(get)["limits"], json!([]), "{get}");
    }
    assert_eq!(
        stage.ok("resource list"),
        "No resources with configured defaults\n"
    );
    assert_eq!(stage.json("resource list"), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_twice_is_refused_and_stores_nothing() {
    let stage = Stage::with_stack().await;
    let before = stage.items().await;
    let ran = stage.run("system set-defaults -l rpm:1 -l rpm:2");
    assert_eq!(ran.code, 2, "{ran:?}");
    let ran = stage.run("system set-defaults -l rpm:1 --soft tpm");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert_eq!(stage.items().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_stops_halfway_is_told() {
    let stage = Stage::with_stack().await;
    // The event of the history is put after the limits were stored.
    let denied = ErrorAnswer::access_denied("dynamodb:PutItem");
    stage.proxy.set_fault(Fault::answer(denied).on("PutItem"));
    let ran = stage.run("system set-defaults -l rpm:5");
    assert_eq!((ran.code, ran.err.lines().count()), (3, 1), "{ran:?}");
    for part in ["dynamodb:PutItem", "the change may have been made"] {
        assert!(ran.err.contains(part), "{ran:?}");
    }
    assert_eq!(
        stage.json("system get-defaults")["limits"][0]["capacity"],
        5
    );
    stage.proxy.clear_faults();
    stage.ok("system set-defaults -l rpm:5");

    // A purge goes on after its first page of deletions was refused.
    stage.ok("namespace register tenant");
    for entity in ["user-1", "user-2"] {
        stage.ok(&format!("entity create {entity} -N tenant"));
    }
    stage.ok("namespace delete tenant --yes");
    let id = stage.json("namespace orphans")[0]["namespace_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let denied = ErrorAnswer::access_denied("dynamodb:BatchWriteItem");
    stage
        .proxy
        .set_fault(Fault::answer(denied).on("BatchWriteItem"));
    let purge = format!("namespace purge {id} --yes");
    let ran = stage.run(&purge);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert_eq!(stage.json("namespace orphans")[0]["status"], "purging");
    stage.proxy.clear_faults();
    assert_eq!(stage.json(&purge)["items_deleted"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn access_and_parents_are_changed_on_buckets_too() {
    let stage = Stage::with_stack().await;
    for entity in ["org-1", "org-2"] {
        stage.ok(&format!("entity create {entity}"));
    }
    stage.ok("entity create key-1 --parent org-1");
    stage.ok("system set-defaults -l rpm:100");
    let limiter = stage.limiter().await;
    limiter.acquire("key-1", "api").await.unwrap().commit();
    limiter.shutdown().await;

    assert_eq!(
        stage.ok("resource disable api"),
        "Disabled resource 'api' (1 buckets stamped)\n"
    );
    assert!(
        stage
            .ok("resource get-defaults api")
            .ends_with("Status: DISABLED\n")
    );
    assert!(
        stage
            .ok("bucket show key-1 api")
            .contains("disabled: every request is refused")
    );
    assert!(
        stage
            .ok("bucket show key-1 api --cost rpm:1")
            .contains("would be refused")
    );
    stage.ok("entity bypass key-1 -r api");
    assert!(
        stage
            .ok("entity get-limits key-1 -r api")
            .ends_with("Status: BYPASSED\n")
    );
    stage.ok("entity enable key-1 --resource api");
    assert!(
        stage
            .ok("bucket show key-1 api --cost rpm:1")
            .contains("granted now")
    );
    stage.ok("entity clear-disabled key-1 --resource api");
    stage.ok("resource clear-disabled api");
    assert!(!stage.ok("bucket show key-1 api").contains("disabled"));

    let moved = stage.json("entity set-parent key-1 --parent org-2");
    assert_eq!(
        moved,
        json!({"entity": "key-1", "parent": "org-2", "buckets": 1})
    );
    assert_eq!(
        stage.json("bucket show key-1 api")["shards"][0]["parent"],
        "org-2"
    );
    assert_eq!(
        stage.run("entity set-parent org-2 --parent key-1").code,
        1,
        "a circle"
    );
    stage.ok("entity set-parent key-1 --none");
    assert_eq!(stage.json("entity show key-1")["parent"], json!(null));
    for wrong in [
        "entity set-parent key-1",
        "entity set-parent key-1 --none --parent org-1",
    ] {
        assert_eq!(stage.run(wrong).code, 2, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_are_reset_and_topped_up() {
    let stage = Stage::with_stack().await;
    stage.ok("system set-defaults -l rpd:100/day");
    let nothing = stage.ok("entity reset user-1 -r api");
    assert!(nothing.starts_with("Nothing to do"), "{nothing}");
    let limiter = stage.limiter().await;
    limiter
        .acquire("user-1", "api")
        .cost("rpd", 60)
        .await
        .unwrap()
        .commit();
    limiter.shutdown().await;

    let top_up = "entity top-up user-1 -r api --add rpd:1_0 --idempotency-key order-17";
    assert_eq!(
        stage.ok(top_up),
        "Topped up 'user-1' on 'api' (1 shard; rpd: +10)\n"
    );
    assert_eq!(stage.json(top_up)["is_repeat"], true);
    let level = || stage.json("bucket show user-1 api")["shards"][0]["limits"][0]["level"].as_f64();
    assert!((50.0..50.5).contains(&level().unwrap()), "{:?}", level());

    let more = stage.run("entity top-up user-1 -r api --add rpd:1,000");
    assert_eq!(more.code, 0, "{more:?}");
    assert!(
        more.err.starts_with("note: rpd got ") && more.err.contains(" of 1000"),
        "{more:?}"
    );

    limiter_spends(&stage).await;
    let reset = stage.json("entity reset user-1 -r api -l rpd");
    assert_eq!(reset["shards"], 1, "{reset}");
    assert_eq!(level(), Some(100.0));
    let actions = stage.json("audit list -e user-1");
    let actions: Vec<_> = actions
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["action"])
        .collect();
    assert_eq!(
        actions,
        ["bucket_reset", "bucket_topped_up", "bucket_topped_up"]
    );
    assert_eq!(stage.run("entity top-up user-1 -r api --add rpd:x").code, 2);
}

async fn limiter_spends(stage: &Stage) {
    let limiter = stage.limiter().await;
    limiter
        .acquire("user-1", "api")
        .cost("rpd", 30)
        .await
        .unwrap()
        .commit();
    limiter.shutdown().await;
}
