//! Measures how fast an aggregator catches up with a day's records on the embedded engine.
//!
//! ```text
//! cargo run --release -p tollgate-ops --example catch_up -- [RECORDS [BUCKETS]]
//! ```
//!
//! With a third argument, any word, it only makes the records, prints the endpoint, and serves until
//! its input ends: so that a process of its own can be measured.

use std::{
    env,
    error::Error,
    io::{self, Read},
    path::Path,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodbstreams::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tollgate::{Limit, RateLimiter, store::dynamodb::CreateTable};
use tollgate_ops::follow::{FollowOptions, Progress, follow};
use tollgate_testkit::Engine;

const STACK: &str = "rate-limits";
const DAY: i64 = 86_400;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let records: i64 = arguments.next().map_or(Ok(200_000), |text| text.parse())?;
    let buckets: i64 = arguments.next().map_or(Ok(500), |text| text.parse())?;
    let serves = arguments.next().is_some();
    let path = env::temp_dir().join(format!("tollgate-catch-up-{}.db", std::process::id()));
    let engine = Engine::with_file(&path).await;
    one_bucket(&engine).await?;
    make_records(&path, records, buckets)?;
    if serves {
        println!("{}", engine.endpoint());
        io::stdin().read_to_end(&mut Vec::new())?;
    } else {
        catch_up(&engine).await?;
    }
    drop(engine);
    Ok(std::fs::remove_file(path)?)
}

/// Makes a table, and a bucket as the pattern of all others.
async fn one_bucket(engine: &Engine) -> Result<()> {
    let limiter = RateLimiter::open()
        .stack(STACK)
        .namespace("default")
        .client(engine.client())
        .provision(CreateTable::new())
        .await?;
    let limits = [
        Limit::per_minute("rpm", 1000),
        Limit::per_minute("tpm", 100_000),
    ];
    for _ in 0..2 {
        let acquire = limiter.acquire("pattern", "api").limits(limits.clone());
        acquire.cost("rpm", 1).cost("tpm", 100).await?.commit();
    }
    limiter.shutdown().await;
    Ok(())
}

/// Copies the pattern's last record, for many buckets, over the last day.
fn make_records(path: &Path, records: i64, buckets: i64) -> Result<()> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch(
        "CREATE INDEX IF NOT EXISTS stream_position ON _stream_records (table_name, CAST(sequence_number AS INTEGER))",
    )?;
    let (keys, image, shard, last): (String, String, String, i64) = connection.query_row(
        "SELECT keys_json, new_image, shard_id, CAST(sequence_number AS INTEGER) FROM _stream_records \
         WHERE event_name = 'MODIFY' AND keys_json LIKE '%BUCKET#%' ORDER BY 4 DESC LIMIT 1",
        (),
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    )?;
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let image: Value = serde_json::from_str(&image)?;
    // The pattern's own records are the oldest.
    connection.execute("UPDATE _stream_records SET created_at = ?1", [now - DAY])?;
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare(
            "INSERT INTO _stream_records (table_name, event_name, keys_json, new_image, old_image, sequence_number, \
             shard_id, created_at, event_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?6)",
        )?;
        for record in 0..records {
            let (bucket, use_before) = (record % buckets, record / buckets);
            let name = format!("user-{bucket}");
            let of = |uses: i64| {
                let mut image = image.clone();
                image["entity_id"] = json!({ "S": name });
                image["b_rpm_tc"] = json!({ "N": (uses * 1000).to_string() });
                image["b_tpm_tc"] = json!({ "N": (uses * 100_500).to_string() });
                image.to_string().replace("pattern", &name)
            };
            let old = (use_before > 0).then(|| of(use_before));
            let kind = if old.is_some() { "MODIFY" } else { "INSERT" };
            insert.execute(params![
                STACK,
                kind,
                keys.replace("pattern", &name),
                of(use_before + 1),
                old,
                (last + 1 + record).to_string(),
                shard,
                now - DAY + record * DAY / records,
            ])?;
        }
    }
    Ok(transaction.commit()?)
}

async fn catch_up(engine: &Engine) -> Result<()> {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_sdk_dynamodbstreams::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "example"))
        .endpoint_url(engine.endpoint())
        .http_client(http);
    let streams = aws_sdk_dynamodbstreams::Client::from_conf(config.build());
    let mut options = FollowOptions::new(STACK);
    options.once = true;
    let started = Instant::now();
    let report = |progress| {
        if let Progress::Counted { batch, lag } = progress {
            println!("{batch:?}, {lag} s behind");
        }
    };
    let stop = std::future::pending();
    let totals = follow(&engine.client(), &streams, &options, stop, report).await?;
    let seconds = started.elapsed().as_secs_f64();
    println!("{totals:?} in {seconds:.1} s");
    Ok(())
}
