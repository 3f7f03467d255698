//! Large tables: their rows, and the memory of listings.

use std::{collections::HashMap, env, process::Command, time::Instant};

use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeValue::{self, Bool, M, N, S},
        PutRequest, WriteRequest,
    },
};
use tokio::task::JoinSet;
use tollgate::{Limit, model::ConfigScope};

use crate::stage::{STACK, Stage};

/// The numbers of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    /// Entities with limits of their own for `api`, children of `org-1`.
    pub(crate) entities: u32,
    /// Buckets of `api`, one for each entity and more.
    pub(crate) buckets: u32,
    /// More buckets of the first entity, one for each resource.
    pub(crate) resources: u32,
    /// Events and snapshots of `user-0`.
    pub(crate) records: u32,
    /// Namespaces that are active, and as many that are deleted.
    pub(crate) namespaces: u32,
    /// The bytes that are added to names and items, so that few rows fill a page.
    pub(crate) padding: usize,
}

impl Table {
    /// Returns a table whose listings have a few pages each.
    pub(crate) fn small() -> Self {
        Self {
            entities: 2000,
            buckets: 2000,
            resources: 2000,
            records: 800,
            namespaces: 400,
            padding: 230,
        }
    }

    /// Returns a table with children of `org-1` alone.
    pub(crate) fn children() -> Self {
        Self {
            buckets: 0,
            resources: 0,
            records: 0,
            namespaces: 0,
            ..Self::small()
        }
    }
}

/// An item of the table, and the namespace that it belongs to.
struct Row {
    item: HashMap<String, AttributeValue>,
}

impl Row {
    fn new(hash: String, range: &str, namespace: &str) -> Self {
        let texts = [
            ("GSI4PK", namespace.to_owned()),
            ("GSI4SK", hash.clone()),
            ("PK", hash),
            ("SK", range.to_owned()),
        ];
        Self {
            item: HashMap::new(),
        }
        .texts(texts)
    }

    fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.item.insert(name.to_owned(), value);
        self
    }

    fn texts<const COUNT: usize>(self, texts: [(&str, String); COUNT]) -> Self {
        let with = |row: Self, (name, text): (&str, String)| row.with(name, S(text));
        texts.into_iter().fold(self, with)
    }
}

/// Puts the rows of a table into the namespace `default`.
pub(crate) async fn fill(stage: &Stage, table: Table) {
    let namespace = stage.json("namespace show default");
    let namespace = namespace["namespace_id"].as_str().unwrap().to_owned();
    let limiter = stage.limiter().await;
    for number in 0..24 {
        let scope = ConfigScope::resource(format!("resource-{number:02}")).unwrap();
        limiter
            .config()
            .set(scope, [Limit::per_minute("rpm", 1)])
            .await
            .unwrap();
    }
    limiter.shutdown().await;
    let client = stage.engine.client();
    let rows = (0..table.entities).flat_map(|number| entity(&namespace, number, table.padding));
    put(&client, rows).await;
    let rows =
        (0..table.buckets).map(|number| bucket(&namespace, &user(number, table.padding), "api"));
    put(&client, rows).await;
    let rows = (0..table.resources).map(|number| {
        bucket(
            &namespace,
            &user(0, table.padding),
            &format!("resource-{number}"),
        )
    });
    put(&client, rows).await;
    put(
        &client,
        (0..table.records).flat_map(|number| records(&namespace, number, table.padding)),
    )
    .await;
    put(
        &client,
        (0..table.namespaces).flat_map(|number| namespaces(number, table.padding)),
    )
    .await;
}

/// Returns the id of an entity.
pub(crate) fn user(number: u32, padding: usize) -> String {
    format!("user-{number}-{}", "x".repeat(padding))
}

/// Returns the record of an entity, and its limits for `api`.
fn entity(namespace: &str, number: u32, padding: usize) -> [Row; 2] {
    let id = user(number, padding);
    let hash = format!("{namespace}/ENTITY#{id}");
    let config = Row::new(hash.clone(), "#CONFIG#api", namespace).texts([
        ("GSI3PK", format!("{namespace}/ENTITY_CONFIG#api")),
        ("GSI3SK", id.clone()),
        ("entity_id", id.clone()),
        ("resource", "api".into()),
    ]);
    let config = [("cp", 60), ("ra", 60), ("rp", 60)]
        .into_iter()
        .fold(config, |row, (part, value)| {
            row.with(&format!("l_rpm_{part}"), N(value.to_string()))
        });
    let entity = Row::new(hash, "#META", namespace).texts([
        ("GSI1PK", format!("{namespace}/PARENT#org-1")),
        ("GSI1SK", format!("CHILD#{id}")),
        ("entity_id", id.clone()),
        ("name", id),
        ("parent_id", "org-1".into()),
    ]);
    let note = ("note".to_owned(), S("x".repeat(padding)));
    let entity = entity
        .with("cascade", Bool(false))
        .with("metadata", M([note].into()));
    [config, entity]
}

fn bucket(namespace: &str, entity: &str, resource: &str) -> Row {
    let row = Row::new(
        format!("{namespace}/BUCKET#{entity}#{resource}#0"),
        "#STATE",
        namespace,
    );
    let row = row.texts([
        ("GSI2PK", format!("{namespace}/RESOURCE#{resource}")),
        ("GSI2SK", format!("BUCKET#{entity}#0")),
        ("GSI3PK", format!("{namespace}/ENTITY#{entity}")),
        ("GSI3SK", format!("BUCKET#{resource}#0")),
        ("entity_id", entity.to_owned()),
        ("resource", resource.to_owned()),
    ]);
    let numbers = [
        ("shard_count", 1_i64),
        ("rf", 1_769_868_000_000),
        ("b_rpm_tk", 1000),
        ("b_rpm_cp", 60_000),
        ("b_rpm_ra", 60_000),
        ("b_rpm_rp", 60_000),
        ("b_rpm_tc", 59_000),
        ("b_wcu_tk", 1_000_000),
        ("b_wcu_cp", 1_000_000),
        ("b_wcu_ra", 1_000_000),
        ("b_wcu_rp", 1000),
        ("b_wcu_tc", 0),
    ];
    let with = |row: Row, (name, number): (&str, i64)| row.with(name, N(number.to_string()));
    numbers
        .into_iter()
        .fold(row.with("cascade", Bool(false)), with)
}

/// Returns an event and a snapshot of `user-0`.
fn records(namespace: &str, number: u32, padding: usize) -> [Row; 2] {
    let id = format!("01J{number:023}");
    let note = ("note".to_owned(), S("x".repeat(10 * padding)));
    let event = Row::new(
        format!("{namespace}/AUDIT#user-0"),
        &format!("#AUDIT#{id}"),
        namespace,
    )
    .texts([
        ("event_id", id),
        ("timestamp", "2026-01-31T00:00:00Z".into()),
        ("action", "limits_set".into()),
        ("entity_id", "user-0".into()),
        ("resource", "api".into()),
    ])
    .with("details", M([note].into()));
    let (day, hour) = (number / 24, number % 24);
    let (year, month, day) = (1990 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
    let start = format!("{year}-{month:02}-{day:02}T{hour:02}:00:00Z");
    let snapshot = Row::new(
        format!("{namespace}/ENTITY#user-0"),
        &format!("#USAGE#api#{start}"),
        namespace,
    )
    .texts([
        ("entity_id", "user-0".into()),
        ("resource", "api".into()),
        ("window", "hourly".into()),
        ("window_start", start),
        ("note", "x".repeat(10 * padding)),
    ])
    .with("rpm", N("5".into()))
    .with("total_events", N("3".into()));
    [event, snapshot]
}

/// Returns the records of an active namespace and of a deleted one.
fn namespaces(number: u32, padding: usize) -> [Row; 2] {
    let row = |range: String, id: String, status: &str| {
        Row::new("_/SYSTEM#".into(), &range, "_").texts([
            ("namespace_id", id),
            ("namespace_name", format!("tenant-{number}")),
            ("status", status.to_owned()),
            ("created_at", "2026-01-31T00:00:00Z".into()),
            ("note", "x".repeat(30 * padding)),
        ])
    };
    let (active, deleted) = (format!("a{number:010}"), format!("d{number:010}"));
    [
        row(format!("#NAMESPACE#tenant-{number}"), active, "active"),
        row(format!("#NSID#{deleted}"), deleted, "deleted"),
    ]
}

/// Puts rows, 25 with each call, several calls at once.
async fn put(client: &Client, rows: impl Iterator<Item = Row>) {
    let mut calls = JoinSet::new();
    let mut rows = rows.map(|row| {
        let put = PutRequest::builder()
            .set_item(Some(row.item))
            .build()
            .unwrap();
        WriteRequest::builder().put_request(put).build()
    });
    loop {
        let batch: Vec<_> = rows.by_ref().take(25).collect();
        if batch.is_empty() {
            break;
        }
        if calls.len() == 8 {
            calls.join_next().await.unwrap().unwrap();
        }
        let request = client.batch_write_item().request_items(STACK, batch);
        calls.spawn(async move {
            let written = request.send().await.unwrap();
            assert!(written.unprocessed_items.unwrap_or_default().is_empty());
        });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
}

/// Prints the peak memory of every listing, and checks the number of its lines. CI runs it with 1000
/// entities. By hand, with the number of entities in `TOLLGATE_ENTITIES` (10000 if unset) and ten times
/// as many buckets:
///
/// ```text
/// cargo nextest run --workspace --test cli --run-ignored only --no-capture -E 'test(peak_memory)'
/// ```
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes, and needs GNU time"]
async fn listings_of_a_large_table_print_their_peak_memory() {
    let entities = env::var("TOLLGATE_ENTITIES").map_or(10_000, |text| text.parse().unwrap());
    let stage = Stage::without_stream().await;
    let table = Table {
        entities,
        buckets: 10 * entities,
        resources: 1000,
        records: entities,
        namespaces: entities,
        padding: 0,
    };
    let began = Instant::now();
    fill(&stage, table).await;
    println!("filled in {:?}", began.elapsed());
    for (listing, rows) in [
        ("entity list --with-custom-limits api", entities),
        ("entity children org-1", entities),
        ("bucket list --resource api", 10 * entities),
        ("bucket list --entity-id user-0-", 1000),
        ("audit list --entity-id user-0 --limit 10000000", entities),
        ("usage list --entity-id user-0 --limit 10000000", entities),
        ("namespace list", entities + 1),
        ("namespace orphans", entities),
        ("resource list", 24),
    ] {
        for format in ["table", "jsonl"] {
            let line = format!("{listing} -o {format}");
            let told = stage.command(line.split_whitespace());
            let mut command = Command::new("/usr/bin/time");
            command
                .args(["-f", "%M kB, %e s"])
                .arg(told.get_program())
                .args(told.get_args());
            command.env_clear().envs(
                told.get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
            let output = command.output().unwrap();
            let (out, err) = (output.stdout, String::from_utf8(output.stderr).unwrap());
            assert!(output.status.success(), "{line}: {err}");
            let lines = out.iter().filter(|byte| **byte == b'\n').count();
            assert!(lines >= rows as usize, "{line}: {lines} lines");
            println!("{line}: {rows} rows, {}", err.trim());
        }
    }
}
