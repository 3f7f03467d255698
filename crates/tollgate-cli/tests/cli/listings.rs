//! Listings in all formats.

use serde_json::Value;

use crate::stage::Stage;

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
        csv.starts_with("Entity,Name,Parent,Cascade,Created,Metadata\nkey-1,\"a,b\",org-1,no,"),
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
    let start = last
        .strip_prefix("Older events: --start-event-id ")
        .unwrap();
    let rows = stage.json(&format!("audit list -e user-1 --start-event-id {start}"));
    let rates: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["details"]["limits"][0]["capacity"])
        .collect();
    assert_eq!(rates, [3, 2, 1]);
    stage.ok("resource set-defaults api -l rpm:1");
    assert_eq!(
        stage.json("audit list -e $RESOURCE:api")[0]["action"],
        "limits_set"
    );
    assert_eq!(stage.json("audit list -e $SYSTEM"), serde_json::json!([]));
}
