//! The life of a stack without functions.

use aws_sdk_dynamodb::types::AttributeValue::{N, Null};

use super::aws::{Account, NO_FUNCTIONS};
use crate::stage::Item;

fn with_key<'a>(items: &'a [Item], key: &str) -> &'a Item {
    let found = items
        .iter()
        .find(|item| item["SK"].as_s().is_ok_and(|sort| sort == key));
    found.unwrap_or_else(|| panic!("no item {key} in {items:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_is_deployed_changed_upgraded_and_deleted() {
    let Some(account) = Account::new("life") else {
        return;
    };
    let planned = account.json(&format!("deploy {NO_FUNCTIONS} --plan"));
    let table = planned
        .as_array()
        .unwrap()
        .iter()
        .find(|change| change["name"] == "RateLimitsTable");
    assert_eq!(table.unwrap()["action"], "Add");
    assert!(
        account.manager().describe().await.unwrap().is_none(),
        "a plan creates nothing"
    );

    // Fault: the end of the plan looks as if a stack was deleted.
    let told = account.run(&format!("deploy {NO_FUNCTIONS} --plan"));
    assert!(told.code == 0 && told.err.is_empty(), "{told:?}");

    let deployed = account.json(&format!("deploy {NO_FUNCTIONS} --audit-retention-days 30"));
    assert_eq!(deployed["created"], true);
    assert_eq!(deployed["stack"], account.stack.as_str());
    let items = account.items().await;
    assert_eq!(with_key(&items, "#VERSION")["lambda_version"], Null(true));
    assert_eq!(
        with_key(&items, "#CONFIG")["audit_retention_days"],
        N("30".into())
    );
    assert_eq!(account.parameter("EnableDeletionProtection").await, "true");

    // A service uses it.
    account.json("system set-defaults -l rpm:100");
    let limiter = account.limiter().await;
    let lease = limiter.acquire("user-1", "api").cost("rpm", 1).await;
    lease.unwrap().commit().await.unwrap();
    limiter.shutdown().await;
    let kept = with_key(&account.items().await, "#CONFIG")["audit_retention_days"].clone();
    assert_eq!(kept, N("30".into()));

    assert_eq!(account.json("deploy")["changed"], false);
    assert_eq!(account.json("upgrade --without-code")["changed"], false);
    let planned = account.run("upgrade --without-code --plan");
    assert_eq!((planned.code, &*planned.out), (0, "No changes.\n"));
    // Fault: the plan leaves out what is no part of CloudFormation's stack.
    let planned = account.run("deploy --audit-retention-days 31 --plan");
    assert_eq!(
        (planned.code, &*planned.out),
        (
            0,
            "AuditRetentionDays: 30 -> 31\n\
             Plan: 0 part(s) to change, and 1 record(s) of the table. Nothing was changed.\n"
        )
    );
    let planned = account.json("deploy --audit-retention-days 31 --plan");
    assert_eq!(
        (&planned[0]["type"], &planned[0]["new"]),
        (&"Record".into(), &"31".into())
    );

    let changes = account.json("deploy --lambda-timeout 30 --usage-retention-days 7 --plan");
    let changes: Vec<&str> = changes
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["type"] == "Parameter")
        .map(|change| change["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        changes,
        [
            "SnapshotRetentionDays",
            "LambdaTimeout",
            "LambdaDurationThreshold"
        ]
    );
    assert_eq!(
        account.parameter("LambdaTimeout").await,
        "60",
        "a plan changes nothing"
    );
    let changed = account.json("deploy --lambda-timeout 30 --usage-retention-days 7 --tag team=a");
    assert_eq!(changed["changed"], true);
    assert_eq!(account.parameter("LambdaTimeout").await, "30");
    assert_eq!(account.parameter("LambdaDurationThreshold").await, "24000");
    assert_eq!(
        account.parameter("EnableAggregator").await,
        "false",
        "it is not given"
    );
    assert_eq!(account.json("deploy")["changed"], false);
    assert_eq!(
        account.json("deploy --audit-retention-days 60")["changed"],
        true
    );
    options_are_taken_away_again(&account).await;

    let status = account.json("status");
    assert_eq!(status["stack_status"], "UPDATE_COMPLETE");
    assert_eq!(status["aggregator"], false);
    let listed = account.json("list");
    let listed = listed.as_array().unwrap().iter();
    let mut own = listed.filter(|stack| stack["name"] == account.stack.as_str());
    assert_eq!(own.next().unwrap()["schema_version"], "0.10.0");
    assert_eq!(account.manager().drift().await.unwrap(), []);

    let deleted = account.json("delete --yes");
    assert_eq!(deleted["stack_deleted"], true);
    assert_eq!(deleted["table_deleted"], false);
    let stack = &account.stack;
    assert_eq!(
        deleted["deploy_again"],
        format!(
            "tollgate deploy --name {stack} --import-table --usage-retention-days 7 --lambda-timeout 30 \
             --no-aggregator --no-provisioner"
        )
    );
    assert!(account.has_table().await);
    assert_eq!(account.run("delete --yes").code, 4);
    let again = account.run("deploy --without-code");
    assert!(
        again.code == 1 && again.err.contains("there is a table"),
        "{again:?}"
    );

    let again = account.run(&format!("deploy {NO_FUNCTIONS} --plan"));
    assert!(
        again.code == 1 && again.err.contains("there is a table"),
        "{again:?}"
    );

    // A new stack takes the table in, with its data. What the table lacks is switched on.
    assert_eq!(
        account.expiry().await,
        None,
        "this emulator's stacks set none"
    );
    let planned = account.json(&format!("deploy {NO_FUNCTIONS} --import-table --plan"));
    let planned = planned.as_array().unwrap().iter();
    let mut table = planned.filter(|change| change["name"] == "RateLimitsTable");
    assert_eq!(table.next().unwrap()["action"], "Import");
    let other = account.run("deploy --without-code --import-table --enable-python-indexes");
    assert!(
        other.code == 1 && other.err.contains("cannot be imported"),
        "{other:?}"
    );
    let imported = account.run(&format!("deploy {NO_FUNCTIONS} --import-table"));
    assert!(
        imported.code == 0 && imported.out.starts_with("Created stack life-"),
        "{imported:?}"
    );
    let note = imported.err.lines().next().unwrap();
    assert!(
        note.contains("options that are not given have their defaults"),
        "{imported:?}"
    );
    assert_eq!(account.expiry().await.as_deref(), Some("ttl"));
    assert_eq!(account.json("deploy")["changed"], false);
    let shown = account.run("system get-defaults").out;
    assert!(shown.contains("rpm: 100/min"), "{shown}");
    let retention = with_key(&account.items().await, "#CONFIG")["audit_retention_days"].clone();
    assert_eq!(retention, N("60".into()));
    account.clean_up();
    assert!(!account.has_table().await);
    assert_eq!(account.run("delete --data --yes").code, 4);
    let missing = account.run("delete --data --yes --archive no-auditarchivebucket-1");
    assert!(
        missing.code == 1 && missing.err.contains("there is no bucket"),
        "{missing:?}"
    );
}

async fn options_are_taken_away_again(account: &Account) {
    let topic = "arn:aws:sns:us-east-1:111122223333:on-call";
    account.json(&format!(
        "deploy --alarm-sns-topic {topic} --audit-archive-expiration-days 400"
    ));
    assert_eq!(account.parameter("AlarmSNSTopicArn").await, topic);
    assert_eq!(account.parameter("AuditArchiveExpirationDays").await, "400");
    account.json(
        "deploy --alarm-sns-topic none --audit-archive-expiration-days never --remove-tag team",
    );
    assert_eq!(account.parameter("AlarmSNSTopicArn").await, "");
    assert_eq!(account.parameter("AuditArchiveExpirationDays").await, "");
    let stack = account.manager().describe().await.unwrap().unwrap();
    assert!(!stack.tags.contains_key("team"), "{:?}", stack.tags);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_with_an_archive_is_deleted_with_its_buckets() {
    let Some(account) = Account::new("archive") else {
        return;
    };
    account.json("deploy --without-code");
    let stack = account.manager().describe().await.unwrap().unwrap();
    let archive = stack.archive().unwrap().to_owned();
    // Something is in both buckets.
    for bucket in [stack.code_bucket().unwrap(), &archive] {
        let bucket = tollgate_ops::s3::S3Bucket::new(bucket, &account.config(), None).unwrap();
        for key in ["year=2026/a b", "c"] {
            let put = bucket.put(key, "text/plain", None, b"x".to_vec());
            put.await.unwrap();
        }
    }
    // The command is a dynamic executable in tests.
    let lacking = account.run("deploy --plan");
    assert!(
        lacking.code == 0
            && lacking
                .err
                .contains("the stack has no functions until it has code: ")
            && lacking.err.contains("--bootstrap PATH"),
        "{lacking:?}"
    );
    let asked = account.run("deploy --no-audit-archival");
    assert!(asked.code == 2 && asked.err.contains("--yes"), "{asked:?}");

    let other = account.run("delete --data --yes --archive other-auditarchivebucket-1");
    assert!(other.code == 2 && other.err.contains(&archive), "{other:?}");
    let foreign = account.run("delete --data --yes --archive photos");
    assert!(foreign.code == 2, "{foreign:?}");

    let asked = account.run(&format!("delete --data --archive {archive}"));
    assert!(
        asked.code == 2 && asked.err.contains(&format!("and the archive {archive}?")),
        "{asked:?}"
    );
    let deleted = account.json("delete --data --yes");
    assert_eq!(deleted["archive"], archive.as_str());
    assert_eq!(deleted["archived_objects_deleted"], 2);
    assert!(account.manager().describe().await.unwrap().is_none());
}
