//! Listings in all formats.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use aws_sdk_dynamodb::types::{
    AttributeValue::{self, Bool, M, S},
    PutRequest, WriteRequest,
};
use serde_json::Value;

use crate::stage::{STACK, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_has_the_same_rows_in_every_format() {
    let stage = Stage::with_stack().await;
    for (child, name) in [("key-1", "a,b"), ("key-2", "c")] {
        let arguments = [
            "entity",
            "create",
            child,
            "--parent",
            "org-1",
            "--display-name",
            name,
        ];
        assert!(stage.command(arguments).status().unwrap().success());
    }
    let table = stage.ok("entity children org-1");
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 7, "{table}");
    assert!(
        lines[0].starts_with("+--") && lines[1].starts_with("| Entity | Name |"),
        "{table}"
    );
    assert!(lines[3].contains("| a,b  |"), "{table}");
    assert_eq!(lines[6], "Total: 2 child(ren)");
    let rows = stage.json("entity children org-1");
    let lines = stage.ok("entity children org-1 -o jsonl");
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows, Value::Array(lines));
    let csv = stage.ok("entity children org-1 --output csv");
    assert!(
        csv.starts_with("entity,name,parent,cascade,created,metadata\nkey-1,\"a,b\",org-1,no,"),
        "{csv}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_listed_in_parts() {
    let stage = Stage::with_stack().await;
    for rate in 1..=5 {
        stage.ok(&format!("entity set-limits user-1 -r api -l rpm:{rate}"));
    }
    let page = stage.ok("audit list -e user-1 --limit 2");
    let last = page.lines().last().unwrap();
    let start = last.strip_prefix("Continue with --cursor ").unwrap();
    let rows = stage.json(&format!("audit list -e user-1 --cursor {start}"));
    let rates: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["details"]["limits"][0]["capacity"])
        .collect();
    assert_eq!(rates, [3, 2, 1]);
    let id = rows[0]["event_id"].as_str().unwrap();
    let older = stage.json(&format!("audit list -e user-1 --start-event-id {id}"));
    assert_eq!(older.as_array().unwrap().len(), 2, "{older}");
    stage.ok("resource set-defaults api -l rpm:1");
    assert_eq!(
        stage.json("audit list -e $RESOURCE:api")[0]["action"],
        "limits_set"
    );
    assert_eq!(stage.json("audit list -e $SYSTEM"), serde_json::json!([]));
}

/// Puts children of `org-1` with 3 kB of metadata each.
async fn put_children(stage: &Stage, count: u32) {
    let namespace = stage.json("namespace show default");
    let namespace = namespace["namespace_id"].as_str().unwrap();
    let note = [("note".to_owned(), S("x".repeat(3000)))];
    let child = |number: u32| {
        let (id, partition) = (
            format!("key-{number}"),
            format!("{namespace}/ENTITY#key-{number}"),
        );
        let attributes: [(&str, AttributeValue); 11] = [
            ("PK", S(partition.clone())),
            ("SK", S("#META".into())),
            ("GSI1PK", S(format!("{namespace}/PARENT#org-1"))),
            ("GSI1SK", S(format!("CHILD#{id}"))),
            ("GSI4PK", S(namespace.to_owned())),
            ("GSI4SK", S(partition)),
            ("entity_id", S(id.clone())),
            ("name", S(id)),
            ("parent_id", S("org-1".into())),
            ("cascade", Bool(false)),
            ("metadata", M(note.clone().into())),
        ];
        let item = attributes.map(|(name, value)| (name.to_owned(), value));
        let put = PutRequest::builder()
            .set_item(Some(item.into()))
            .build()
            .unwrap();
        WriteRequest::builder().put_request(put).build()
    };
    let numbers: Vec<u32> = (0..count).collect();
    for batch in numbers.chunks(25) {
        let batch = batch.iter().map(|number| child(*number)).collect();
        let request = stage.engine.client().batch_write_item();
        request.request_items(STACK, batch).send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_is_read_only_as_fast_as_its_reader_reads() {
    const CHILDREN: u32 = 2000;
    let stage = Stage::with_stack().await;
    put_children(&stage, CHILDREN).await;
    for (format, rows_before) in [("csv", 1), ("table", 3)] {
        let before = stage.proxy.count("Query");
        let mut command = stage.command(["entity", "children", "org-1", "-o", format]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..rows_before + 10 {
            lines.next().unwrap().unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let pages = stage.proxy.count("Query") - before;
        let rows = 10
            + lines
                .filter(|line| line.as_ref().unwrap().contains("key-"))
                .count();
        assert_eq!(rows, CHILDREN as usize, "{format}");
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let all = stage.proxy.count("Query") - before;
        assert!(
            all >= 6 && pages <= all / 2,
            "{format}: {pages} of {all} pages"
        );
    }
}
