//! `tollgate table create`

use aws_sdk_dynamodb::types::{AttributeValue, BillingMode, TableDescription};
use tollgate_testkit::{ErrorAnswer, Fault};

use crate::stage::{STACK, Stage};

async fn described(stage: &Stage) -> TableDescription {
    let describe = stage.engine.client().describe_table().table_name(STACK);
    describe.send().await.unwrap().table.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_created_with_its_version_and_without_a_namespace() {
    let stage = Stage::empty().await;
    let out = stage.ok("table create");
    assert!(out.starts_with("Created table limits at http://"), "{out}");
    let items = stage.items().await;
    assert_eq!(items.len(), 1, "{items:?}");
    assert!(items[0].contains_key("schema_version"), "{items:?}");
    assert_eq!(stage.run("entity show user-1").code, 1, "no namespace");
    stage.ok("namespace register default");
    stage.ok("entity create user-1");
}

/// Fault: somebody creates the table by another tool, and each command names only the next one that
/// fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_a_version_record_is_told_with_what_finishes_it() {
    let stage = Stage::empty().await;
    stage.ok("table create --without-stream");
    let delete = stage.engine.client().delete_item().table_name(STACK);
    let delete = delete
        .key("PK", AttributeValue::S("_/SYSTEM#".into()))
        .key("SK", AttributeValue::S("#VERSION".into()));
    delete.send().await.unwrap();
    for command in [
        "system get-defaults",
        "namespace register default",
        "check",
        "version",
    ] {
        let ran = stage.run(command);
        let advice = [
            "`tollgate deploy --name limits --records-only`",
            "`tollgate table create --name limits`",
        ];
        assert!(
            ran.code == 1 && advice.iter().all(|advice| ran.err.contains(advice)),
            "{command}: {ran:?}"
        );
    }
    stage.ok("table create --without-stream");
    stage.ok("namespace register default");
    stage.ok("system get-defaults");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_options_are_those_of_the_table_and_fit_it_afterwards() {
    let stage = Stage::empty().await;
    let options =
        "--gsi2 all --without-stream --deletion-protection --read-units 7 --write-units 11";
    let created = stage.json(&format!("table create {options}"));
    assert_eq!(
        (&created["table"], &created["created"]),
        (&STACK.into(), &true.into())
    );
    let table = described(&stage).await;
    assert_eq!(table.deletion_protection_enabled(), Some(true));
    let summary = table
        .billing_mode_summary()
        .and_then(|summary| summary.billing_mode());
    assert!(
        matches!(summary, None | Some(BillingMode::Provisioned)),
        "{table:?}"
    );
    let units = table.provisioned_throughput().unwrap();
    assert_eq!(units.write_capacity_units(), Some(11));
    stage.ok(&format!("table create {options}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_exists_is_checked_and_not_changed() {
    let stage = Stage::empty().await;
    stage.ok("table create");
    let (items, table) = (stage.items().await, described(&stage).await);
    let out = stage.ok("table create");
    assert!(
        out.starts_with("Table limits exists, and its definition was not changed\n"),
        "{out}"
    );
    for (options, check) in [
        ("--gsi2 all", "index GSI2"),
        ("--deletion-protection", "deletion protection"),
        ("--read-units 5 --write-units 5", "billing mode"),
    ] {
        let ran = stage.run(&format!("table create {options}"));
        assert_eq!(ran.code, 1, "{options}: {ran:?}");
        assert!(ran.err.starts_with(&format!("error: {check}: ")), "{ran:?}");
    }
    assert_eq!(stage.items().await, items);
    assert_eq!(described(&stage).await, table);
    assert_eq!(stage.proxy.count("CreateTable"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_is_not_allowed_is_one_line_and_leaves_nothing() {
    let stage = Stage::empty().await;
    let denied = ErrorAnswer::access_denied("dynamodb:CreateTable");
    stage
        .proxy
        .set_fault(Fault::answer(denied).on("CreateTable"));
    let ran = stage.run("table create");
    assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{ran:?}");
    assert!(ran.err.contains("dynamodb:CreateTable"), "{ran:?}");
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    let tables = stage.engine.client().list_tables().send().await.unwrap();
    assert_eq!(tables.table_names(), [] as [String; 0]);
}

#[test]
fn units_are_given_for_reads_and_writes() {
    for arguments in [
        "--read-units 5",
        "--write-units 5",
        "--read-units 0 --write-units 5",
    ] {
        let mut command = crate::stage::bare();
        command.args(["table", "create"]).args(arguments.split(' '));
        assert_eq!(crate::stage::ran(command).code, 2, "{arguments}");
    }
}
