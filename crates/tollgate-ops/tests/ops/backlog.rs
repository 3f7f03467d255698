//! Records of some hours that nobody has counted yet.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tollgate_ops::record::Item;
use tollgate_testkit::Engine;

use crate::{
    gap::TemporaryFile,
    stage::{STACK, Stage, number, options, text},
};

const BUCKETS: i64 = 10;
const USES: i64 = 320;
/// Half of a minute.
const STEP: i64 = 30;

/// Copies the last record of a bucket for many buckets and uses, over the last hours.
fn make_records(file: &TemporaryFile) {
    let mut connection = Connection::open(&file.0).unwrap();
    let (keys, image, shard, last): (String, String, String, i64) = connection
        .query_row(
            "SELECT keys_json, new_image, shard_id, CAST(sequence_number AS INTEGER) FROM _stream_records \
             WHERE keys_json LIKE '%BUCKET#%' ORDER BY 4 DESC LIMIT 1",
            (),
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let begin = i64::try_from(now.as_secs()).unwrap() - USES * STEP - 120;
    let image: Value = serde_json::from_str(&image).unwrap();
    let transaction = connection.transaction().unwrap();
    transaction
        .execute("DELETE FROM _stream_records", ())
        .unwrap();
    for record in 0..BUCKETS * USES {
        let (bucket, before) = (record % BUCKETS, record / BUCKETS);
        let name = format!("user-{bucket}");
        let of = |uses: i64| {
            let mut image = image.clone();
            image["entity_id"] = json!({ "S": name });
            image["b_rpm_tc"] = json!({ "N": (uses * 1000).to_string() });
            image["b_tpm_tc"] = json!({ "N": (uses * 1500).to_string() });
            image.to_string().replace("pattern", &name)
        };
        let old = (before > 0).then(|| of(before));
        let kind = if old.is_some() { "MODIFY" } else { "INSERT" };
        transaction
            .execute(
                "INSERT INTO _stream_records (table_name, event_name, keys_json, new_image, old_image, \
                 sequence_number, shard_id, created_at, event_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?6)",
                params![
                    STACK,
                    kind,
                    keys.replace("pattern", &name),
                    of(before + 1),
                    old,
                    (last + 1 + record).to_string(),
                    shard,
                    begin + before * STEP,
                ],
            )
            .unwrap();
    }
    transaction.commit().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_hours_costs_one_write_for_each_snapshot() {
    let file = TemporaryFile::new("backlog");
    let mut stage = Stage::new(Engine::with_file(&file.0).await).await;
    stage.consume("pattern", "api", &[1]).await;
    make_records(&file);
    let mut options = options();
    // Records that are not behind would be counted after each page.
    options.flush_after = Duration::ZERO;
    let (totals, _) = stage.once(&options).await;
    let totals = totals.unwrap();
    let is_snapshot = |item: &Item| text(item, "SK").starts_with("#USAGE#");
    let items = stage.items().await;
    let snapshots: Vec<&Item> = items.iter().filter(|item| is_snapshot(item)).collect();
    let made = snapshots
        .iter()
        .filter(|item| text(item, "entity_id") != "pattern")
        .count();
    // Several pages of 1000 records, and hours: with each page alone it would be a third more.
    assert!(
        totals.changes >= (BUCKETS * USES).cast_unsigned() && made >= 50,
        "{totals:?}"
    );
    assert_eq!(totals.snapshots, made as u64, "{totals:?}");
    let hourly = snapshots
        .iter()
        .filter(|item| text(item, "window") == "hourly");
    let used: i64 = hourly.filter_map(|item| number(item, "rpm")).sum();
    assert_eq!(used, BUCKETS * USES);
}
