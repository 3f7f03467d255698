//! Commands for usage.

use aws_sdk_dynamodb::types::AttributeValue::{N, S};

use crate::stage::{STACK, Stage};

/// Puts a snapshot as aggregators do.
async fn put(stage: &Stage, window: &str, key: &str, start: &str, tokens: u64) {
    let namespace = stage.json("namespace show default");
    let namespace = namespace["namespace_id"].as_str().unwrap();
    let partition = format!("{namespace}/ENTITY#user-1");
    let texts = [
        ("PK", partition.clone()),
        ("SK", format!("#USAGE#api#{key}")),
        ("GSI2PK", format!("{namespace}/RESOURCE#api")),
        ("GSI2SK", format!("USAGE#{key}#user-1")),
        ("GSI4PK", namespace.to_owned()),
        ("GSI4SK", partition),
        ("entity_id", "user-1".into()),
        ("resource", "api".into()),
        ("window", window.into()),
        ("window_start", start.into()),
    ];
    let mut request = stage.engine.client().put_item().table_name(STACK);
    for (name, text) in texts {
        request = request.item(name, S(text));
    }
    for (name, number) in [("tpm", tokens), ("total_events", 3)] {
        request = request.item(name, N(number.to_string()));
    }
    request.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_listed_and_added_up() {
    let stage = Stage::with_stack().await;
    for (hour, tokens) in [("2026-01-31T09:00:00Z", 10), ("2026-01-31T10:00:00Z", 30)] {
        put(&stage, "hourly", hour, hour, tokens).await;
    }
    put(&stage, "daily", "2026-01-31", "2026-01-31T00:00:00Z", 40).await;
    for whose in ["--entity-id user-1", "--resource api", "-e user-1 -r api"] {
        let rows = stage.json(&format!("usage list {whose} -w hourly"));
        let rows = rows.as_array().unwrap();
        let tokens: Vec<_> = rows.iter().map(|row| &row["counters"]["tpm"]).collect();
        assert_eq!(tokens, [30, 10], "{whose}");
        assert_eq!(rows[0]["window_end"], "2026-01-31T11:00:00Z", "{whose}");
    }
    assert_eq!(
        stage.json("usage list -e user-1").as_array().unwrap().len(),
        3
    );
    let first = stage.json("usage list -e user-1 -w hourly --end 2026-01-31T09:30:00Z");
    assert_eq!(first[0]["counters"]["tpm"], 10);
    let page = stage.ok("usage list -e user-1 -l 1");
    assert!(
        page.contains("Total: 1 snapshots\nContinue with --cursor "),
        "{page}"
    );
    let csv = stage.ok("usage summary -e user-1 -w hourly -o csv");
    assert_eq!(csv, "limit,total,average\ntpm,40,20.00\n");
    let json = stage.json("usage summary -e user-1 -w hourly");
    let expected = serde_json::json!({
        "snapshots": 2,
        "first_window": "2026-01-31T09:00:00Z",
        "last_window": "2026-01-31T10:00:00Z",
        "limits": [{"limit": "tpm", "total": 40, "average": 20.0}],
    });
    assert_eq!(json, expected);
    let csv = stage.ok("usage list -e user-1 -w hourly -o csv");
    assert_eq!(
        csv,
        "window_start,window,resource,entity,events,limit,tokens\n\
         2026-01-31T10:00:00Z,hourly,api,user-1,3,tpm,30\n\
         2026-01-31T09:00:00Z,hourly,api,user-1,3,tpm,10\n"
    );
    let text = stage.ok("usage summary -r api -w daily");
    assert!(
        text.starts_with("Snapshots: 1\nWindows: 2026-01-31T00:00:00Z to "),
        "{text}"
    );

    let compared = stage.ok("usage what-if -e user-1 -w hourly -l tpm:20/day -o csv");
    assert_eq!(
        compared,
        "window_start,resource,entity,limit,consumed,grants,over\n\
         2026-01-31T10:00:00Z,api,user-1,tpm,30,20,10\n\
         2026-01-31T09:00:00Z,api,user-1,tpm,10,20,0\n"
    );
    let text = stage.ok("usage what-if -r api -w daily -l tpm:1/hour:5 -l rpm:1");
    assert!(text.ends_with("Over the limit: 1 of 1\n"), "{text}");

    let chart = stage.ok("usage list -r api -w hourly --chart tpm");
    let lines: Vec<_> = chart.lines().collect();
    assert_eq!(lines.len(), 3, "{chart}");
    assert!(
        lines[1].starts_with("2026-01-31T09:00:00Z  10  █"),
        "{chart}"
    );
    assert_eq!(
        lines[2],
        format!("2026-01-31T10:00:00Z  30  {}", "█".repeat(50))
    );

    let none = stage.ok("usage summary -e nobody -w hourly");
    assert!(
        none.starts_with("Snapshots: 0; only an aggregator"),
        "{none}"
    );
    let none = stage.ok("usage list -e nobody");
    assert!(
        none.ends_with("only an aggregator writes them: `tollgate aggregate`\n"),
        "{none}"
    );
    // Guards the advice of a second aggregator on a stack whose function counts.
    stage.set_functions().await;
    for arguments in ["summary -e nobody -w hourly", "list -e nobody"] {
        let none = stage.ok(&format!("usage {arguments}"));
        let told =
            none.contains("the stack's function counts") && !none.contains("tollgate aggregate");
        assert!(told, "{none}");
    }
    for nothing in [
        "-e nobody -w hourly -l tpm:5",
        "-e user-1 -w hourly -l other:5",
    ] {
        let none = stage.ok(&format!("usage what-if {nothing}"));
        assert!(none.contains("`tollgate usage list` shows"), "{none}");
    }

    for wrong in [
        "usage report -e user-1 -w hourly --start 2026-02-01 --end 2026-01-31",
        "usage list -r api --chart tpm",
        "usage what-if -e user-1 -w hourly",
        "usage what-if -e user-1 -l tpm:20",
        "usage list",
        "usage summary -e user-1",
        "usage list -e user-1 --start yesterday",
        "usage list -e user-1 --start 2026-02-01 --end 2026-01-31",
        "usage summary -e user-1 -w hourly --start 2026-02-01 --end 2026-01-31",
        "usage what-if -e user-1 -w hourly -l tpm:20 --start 2026-02-01 --end 2026-01-31",
    ] {
        assert_eq!(stage.run(wrong).code, 2, "{wrong}");
    }
}
