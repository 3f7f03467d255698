//! Faults of the network, of the table and of the reader: one line, and the right exit code.

use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use serde_json::json;
use tollgate_testkit::{ErrorAnswer, Fault};

use crate::{
    large::{Table, fill},
    stage::{Ran, STACK, Stage, bare, ran},
};

/// Commands that open a stack in different ways.
const COMMANDS: [&str; 4] = [
    "entity show user-1",
    "entity create user-2",
    "namespace list",
    "status",
];

/// Asserts that a command failed with one line that has these parts.
fn told(ran: &Ran, code: i32, parts: &[&str]) {
    assert_eq!((ran.code, ran.err.lines().count()), (code, 1), "{ran:?}");
    for part in parts {
        assert!(ran.err.contains(part), "{part}: {ran:?}");
    }
}

fn start(stage: &Stage, arguments: &str) -> Child {
    let mut command = stage.command(arguments.split_whitespace());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn end(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn interrupt(child: &Child) {
    let id = child.id().to_string();
    let signal = Command::new("kill").args(["-INT", &id]).status();
    assert!(signal.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_never_answers_is_given_up() {
    let stage = Stage::with_stack().await;
    // One hangs after it was opened.
    stage.proxy.set_fault(Fault::black_hole().on("Query"));
    let listing = start(&stage, "entity children org-1");
    stage.proxy.until_received("Query", 1).await;
    stage.proxy.set_fault(Fault::black_hole());
    let hanging = COMMANDS.map(|arguments| start(&stage, arguments));
    for child in hanging {
        told(&end(child), 3, &[&stage.proxy.endpoint()]);
    }
    told(&end(listing), 3, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_answers_nonsense_is_named() {
    let stage = Stage::with_stack().await;
    for answer in [
        ErrorAnswer::raw(200, json!("<html>")),
        ErrorAnswer::raw(200, json!({"Item": "none"})),
        ErrorAnswer::raw(404, json!("not found")),
        ErrorAnswer::raw(500, json!([1, 2])),
    ] {
        stage.proxy.set_fault(Fault::answer(answer));
        for arguments in COMMANDS {
            told(&stage.run(arguments), 3, &[&stage.proxy.endpoint()]);
        }
    }
    // An answer of pages that would clear the screen.
    let message = "\u{1b}[2J".repeat(5000);
    let answer = json!({"__type": "com.amazonaws#ValidationException", "message": message});
    stage
        .proxy
        .set_fault(Fault::answer(ErrorAnswer::raw(400, answer)));
    for arguments in COMMANDS {
        let ran = stage.run(arguments);
        told(&ran, 3, &[]);
        assert!(
            !ran.err.contains('\u{1b}') && ran.err.chars().count() < 2100,
            "{arguments}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_call_is_repeated_and_then_given_up() {
    let stage = Stage::with_stack().await;
    stage.ok("entity create user-1");
    let busy = || Fault::answer(ErrorAnswer::throughput_exceeded()).on("GetItem");
    stage.proxy.set_fault(busy().once());
    stage.ok("entity show user-1");
    stage.proxy.set_fault(busy());
    let before = stage.proxy.received("GetItem");
    let ran = stage.run("entity show user-1");
    told(&ran, 3, &["ProvisionedThroughputExceededException"]);
    let asked = stage.proxy.received("GetItem") - before;
    assert!(asked > 2, "two reads at once, and their repeats: {asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_made_or_deleted_right_now_is_told() {
    let stage = Stage::empty().await;
    for status in ["CREATING", "DELETING"] {
        let table = json!({"Table": {"TableName": STACK, "TableStatus": status}});
        let described = ErrorAnswer::raw(200, table);
        stage
            .proxy
            .set_fault(Fault::answer(described).on("DescribeTable"));
        for arguments in COMMANDS {
            told(&stage.run(arguments), 3, &[status, "try again"]);
        }
    }
    stage.proxy.clear_faults();
    for arguments in COMMANDS {
        told(&stage.run(arguments), 4, &["there is no stack"]);
    }
    assert_eq!(stage.writes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_something_else_is_refused() {
    use ScalarAttributeType::{N, S};
    // Another name, another type, and a key that is missing.
    for keys in [vec![("id", S)], vec![("PK", N), ("SK", S)], vec![("PK", S)]] {
        let stage = Stage::empty().await;
        let mut created = stage.engine.client().create_table().table_name(STACK);
        for ((name, kind), role) in keys.into_iter().zip([KeyType::Hash, KeyType::Range]) {
            let key = KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(role);
            let attribute = AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(kind);
            created = created
                .key_schema(key.build().unwrap())
                .attribute_definitions(attribute.build().unwrap());
        }
        let created = created.billing_mode(BillingMode::PayPerRequest).send();
        created.await.unwrap();
        for arguments in COMMANDS {
            let part = "table limits was not created by tollgate or zae-limiter";
            told(&stage.run(arguments), 1, &[part]);
        }
        assert_eq!(stage.writes(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_environment_is_used() {
    let stage = Stage::with_stack().await;
    stage.ok("entity create user-1");
    let show = |variables: &[(&str, &str)]| {
        let mut command = bare();
        // No such host: only a proxy could reach it.
        command.args(["entity", "show", "user-1", "--name", STACK]);
        command.args(["--endpoint-url", "http://dynamodb.invalid"]);
        command.envs(variables.iter().copied());
        ran(command)
    };
    let proxy = stage.proxy.endpoint();
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let ran = show(&[(variable, &proxy)]);
        assert_eq!(ran.code, 0, "{variable}: {ran:?}");
    }
    told(&show(&[]), 3, &["http://dynamodb.invalid"]);
    told(
        &show(&[("HTTP_PROXY", &proxy), ("NO_PROXY", "dynamodb.invalid")]),
        3,
        &[],
    );
    // A proxy that cannot be reached: the variable is named.
    let ran = show(&[("HTTP_PROXY", "http://127.0.0.1:1")]);
    told(&ran, 3, &["dynamodb.invalid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_change_says_what_was_done() {
    let stage = Stage::with_stack().await;
    stage.ok("system set-defaults -l rpm:5");
    let limiter = stage.limiter().await;
    for number in 0..5 {
        let lease = limiter
            .acquire(format!("user-{number}"), "api")
            .await
            .unwrap();
        lease.commit();
    }
    limiter.shutdown().await;
    let before = stage.proxy.received("UpdateItem");
    stage.ok("resource disable api");
    let writes = stage.proxy.received("UpdateItem") - before;
    stage.ok("resource clear-disabled api");

    // The third bucket's write is never answered.
    let passed = Fault::delay(std::time::Duration::ZERO);
    stage
        .proxy
        .set_fault(passed.on("UpdateItem").times(writes - 3));
    stage.proxy.add_fault(Fault::black_hole().on("UpdateItem"));
    let before = stage.proxy.received("UpdateItem");
    let child = start(&stage, "resource disable api");
    stage
        .proxy
        .until_received("UpdateItem", before + writes - 2)
        .await;
    interrupt(&child);
    let ran = end(child);
    told(
        &ran,
        130,
        &["error: interrupted: 2 buckets written before that; run the same command again"],
    );
    stage.proxy.clear_faults();
    assert_eq!(stage.json("resource disable api")["buckets"], 5);

    // One write: nobody knows if it was made.
    stage.proxy.set_fault(Fault::black_hole().on("PutItem"));
    let before = stage.proxy.received("PutItem");
    let child = start(&stage, "entity create user-1");
    stage.proxy.until_received("PutItem", before + 1).await;
    interrupt(&child);
    told(&end(child), 130, &["the change may have been made"]);
    // Before the first write nothing was changed.
    stage.proxy.set_fault(Fault::black_hole());
    let before = stage.proxy.received("GetItem");
    let child = start(&stage, "entity create user-2");
    stage.proxy.until_received("GetItem", before + 1).await;
    interrupt(&child);
    told(&end(child), 130, &["nothing was changed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_purge_goes_on_when_it_is_repeated() {
    let stage = Stage::with_stack().await;
    stage.ok("namespace register tenant");
    for entity in ["user-1", "user-2"] {
        stage.ok(&format!("entity create {entity} -N tenant"));
    }
    stage.ok("namespace delete tenant --yes");
    let orphan = stage.json("namespace orphans");
    let purge = format!(
        "namespace purge {} --yes",
        orphan[0]["namespace_id"].as_str().unwrap()
    );
    stage
        .proxy
        .set_fault(Fault::black_hole().on("BatchWriteItem"));
    let child = start(&stage, &purge);
    stage.proxy.until_received("BatchWriteItem", 1).await;
    interrupt(&child);
    told(
        &end(child),
        130,
        &["0 items deleted before that; run the same command again"],
    );
    stage.proxy.clear_faults();
    assert_eq!(stage.json(&purge)["items_deleted"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_seen_enough_ends_the_listing_quietly() {
    let stage = Stage::with_stack().await;
    fill(&stage, Table::children()).await;
    for format in ["table", "json", "csv"] {
        let mut child = start(&stage, &format!("entity children org-1 -o {format}"));
        let mut first = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut first).unwrap();
        drop(out);
        let ran = end(child);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{format}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_cannot_be_written_is_told() {
    let stage = Stage::with_stack().await;
    let mut command = stage.command("namespace list".split_whitespace());
    command.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
    command.stderr(Stdio::piped());
    let ran = end(command.spawn().unwrap());
    told(&ran, 1, &["the output cannot be written"]);

    // Nobody reads the errors: the exit code is the same.
    let mut child = start(&stage, "entity show nobody");
    drop(child.stderr.take());
    let mut out = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
