//! Usage snapshots as the Python client's aggregator and ours write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use tollgate::{
    LimitName, RateLimiter,
    clock::ManualClock,
    model::{UsageSnapshot, UsageWindow},
    store::dynamodb::CreateTable,
};

use super::fixture::{START, Table, at, entity, in_memory, resource};

/// 2026-01-31T00:00:00Z, epoch seconds.
const DAY: i64 = 1_769_817_600;
const HOUR: i64 = 3600;

/// Writes snapshots.
pub(crate) struct Aggregator {
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

impl Aggregator {
    /// Counts an event exactly as the Python client's aggregator does. `key` is the spelling of the
    /// window's start in the sort keys. The window attribute always has the full time.
    pub(crate) async fn count_at(
        &self,
        key: &str,
        (who, what): (&str, &str),
        window: (&str, &str),
        used: (&str, i64),
    ) {
        let (Self { client, namespace }, string) = (self, |text: String| AttributeValue::S(text));
        let partition = format!("{namespace}/ENTITY#{who}");
        let number = |number: i64| AttributeValue::N(number.to_string());
        client
            .update_item()
            .table_name("limits")
            .key("PK", string(partition.clone()))
            .key("SK", string(format!("#USAGE#{what}#{key}")))
            .update_expression(
                "SET entity_id = :entity_id, #resource = if_not_exists(#resource, :resource), \
                 #window = if_not_exists(#window, :window), \
                 #window_start = if_not_exists(#window_start, :window_start), \
                 GSI2PK = :gsi2pk, GSI2SK = :gsi2sk, GSI4PK = if_not_exists(GSI4PK, :gsi4pk), \
                 GSI4SK = if_not_exists(GSI4SK, :gsi4sk), #ttl = if_not_exists(#ttl, :ttl) \
                 ADD #limit_name :delta, #total_events :one",
            )
            .expression_attribute_names("#resource", "resource")
            .expression_attribute_names("#window", "window")
            .expression_attribute_names("#window_start", "window_start")
            .expression_attribute_names("#limit_name", used.0)
            .expression_attribute_names("#total_events", "total_events")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":entity_id", string(who.into()))
            .expression_attribute_values(":resource", string(what.into()))
            .expression_attribute_values(":window", string(window.0.into()))
            .expression_attribute_values(":window_start", string(window.1.into()))
            .expression_attribute_values(":gsi2pk", string(format!("{namespace}/RESOURCE#{what}")))
            .expression_attribute_values(":gsi2sk", string(format!("USAGE#{key}#{who}")))
            .expression_attribute_values(":gsi4pk", string(namespace.clone()))
            .expression_attribute_values(":gsi4sk", string(partition))
            .expression_attribute_values(":ttl", number(DAY + 90 * 86_400))
            .expression_attribute_values(":delta", number(used.1))
            .expression_attribute_values(":one", number(1))
            .send()
            .await
            .unwrap();
    }

    pub(crate) async fn count(&self, of: (&str, &str), window: (&str, &str), used: (&str, i64)) {
        self.count_at(window.1, of, window, used).await;
    }
}

/// Returns a table whose second index has keys only, and one whose second index has whole items.
async fn tables() -> Vec<(Table, RateLimiter, Aggregator)> {
    let mut tables = Vec::new();
    for provision in [
        CreateTable::new(),
        CreateTable::new().with_reference_projection(),
    ] {
        let table = Table::create().await;
        let made = RateLimiter::open()
            .stack("limits")
            .client(table.engine.client());
        made.provision(provision.without_stream()).await.unwrap();
        let limiter = table.limiter(&ManualClock::at(START)).await;
        let aggregator = Aggregator {
            client: table.engine.client(),
            namespace: table.namespace().await,
        };
        tables.push((table, limiter, aggregator));
    }
    tables
}

/// Returns the hours from the day of the tests to `time`.
fn hours_since_day(time: SystemTime) -> i64 {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    (i64::try_from(seconds).unwrap() - DAY) / HOUR
}

/// Returns snapshots as texts: entity, resource, window, hours since the day began, and counters.
fn short(snapshots: &[UsageSnapshot]) -> Vec<String> {
    let one = |it: &UsageSnapshot| {
        let counters: Vec<_> = it
            .counters
            .iter()
            .map(|(limit, tokens)| format!("{limit}={tokens}"))
            .collect();
        let hours = hours_since_day(it.window_start);
        format!(
            "{} {} {} {hours} {}",
            it.entity,
            it.resource,
            it.window,
            counters.join(" ")
        )
    };
    snapshots.iter().map(one).collect()
}

#[tokio::test]
async fn snapshots_of_an_entity_and_of_a_resource_are_listed_newest_first() {
    for (_table, limiter, peer) in tables().await {
        for (hour, tokens) in [(13, 5), (14, 7), (15, 11)] {
            let start = format!("2026-01-31T{hour}:00:00Z");
            peer.count(("u1", "api"), ("hourly", &start), ("tpm", tokens))
                .await;
            peer.count(("u1", "api"), ("hourly", &start), ("rpm", 1))
                .await;
        }
        peer.count(
            ("u1", "other"),
            ("hourly", "2026-01-31T14:00:00Z"),
            ("tpm", 1),
        )
        .await;
        peer.count(
            ("u2", "api"),
            ("hourly", "2026-01-31T14:00:00Z"),
            ("tpm", -2),
        )
        .await;
        // Not part of the results: a resource whose name starts with `api`, and a bucket of the
        // resource.
        peer.count(
            ("u1", "api2"),
            ("hourly", "2026-01-31T14:00:00Z"),
            ("tpm", 99),
        )
        .await;
        limiter
            .acquire("u1", "api")
            .limits(super::fixture::rpm(5))
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();

        let usage = limiter.usage();
        let of_u1 = || usage.of_entity(entity("u1"));
        let api = of_u1()
            .resource(resource("api"))
            .list()
            .all()
            .await
            .unwrap();
        let expected = ["15 rpm=1 tpm=11", "14 rpm=1 tpm=7", "13 rpm=1 tpm=5"]
            .map(|it| format!("u1 api hourly {it}"));
        assert_eq!(short(&api), expected);
        assert_eq!(api[0].total_events, 2);
        assert_eq!(
            api[0].window_end(),
            api[0].window_start + Duration::from_secs(3600)
        );
        assert_eq!(of_u1().list().all().await.unwrap().len(), 5);
        let everybody = usage
            .of_resource(resource("api"))
            .list()
            .all()
            .await
            .unwrap();
        let expected = [
            "u1 api hourly 15 rpm=1 tpm=11",
            "u2 api hourly 14 tpm=-2",
            "u1 api hourly 14 rpm=1 tpm=7",
            "u1 api hourly 13 rpm=1 tpm=5",
        ];
        assert_eq!(short(&everybody), expected);

        // The range includes both ends.
        let (from, to) = (at(DAY + 14 * HOUR), at(DAY + 15 * HOUR));
        let between = |snapshots: tollgate::limiter::Snapshots| {
            snapshots.since(from).until(to - Duration::from_millis(1))
        };
        assert_eq!(
            short(
                &between(usage.of_resource(resource("api")))
                    .list()
                    .all()
                    .await
                    .unwrap()
            ),
            expected[1..3]
        );
        let later = of_u1()
            .resource(resource("api"))
            .since(to)
            .until(to)
            .list()
            .all()
            .await
            .unwrap();
        assert_eq!(short(&later), expected[..1]);
        assert_eq!(between(of_u1()).list().all().await.unwrap().len(), 3);

        let summary = usage
            .of_resource(resource("api"))
            .until(from)
            .summary()
            .await
            .unwrap();
        let name = |limit: &str| LimitName::new(limit).unwrap();
        assert_eq!(
            (
                summary.snapshots,
                summary.total[&name("tpm")],
                summary.total[&name("rpm")]
            ),
            (3, 10, 2)
        );
        assert_eq!(
            (summary.average[&name("rpm")], summary.first_window),
            (1.0, Some(from - Duration::from_secs(3600)))
        );
        assert_eq!(summary.last_window, Some(from));
    }
}

#[tokio::test]
async fn both_spellings_of_days_and_months_are_read() {
    for (_table, limiter, aggregator) in tables().await {
        // The first of the month. The Python client's aggregator uses one sort key for all windows,
        // ours uses one for each window.
        let start = "2026-02-01T00:00:00Z";
        for window in ["hourly", "daily", "monthly"] {
            aggregator
                .count(("theirs", "api"), (window, start), ("tpm", 10))
                .await;
        }
        for (window, key) in [
            ("hourly", start),
            ("daily", "2026-02-01"),
            ("monthly", "2026-02"),
        ] {
            aggregator
                .count_at(key, ("ours", "api"), (window, start), ("tpm", 10))
                .await;
        }
        aggregator
            .count_at(
                "2026-01-31",
                ("ours", "api"),
                ("daily", "2026-01-31T00:00:00Z"),
                ("tpm", 1),
            )
            .await;
        aggregator
            .count_at(
                "2026-01",
                ("ours", "api"),
                ("monthly", "2026-01-01T00:00:00Z"),
                ("tpm", 1),
            )
            .await;

        let usage = limiter.usage();
        let theirs = usage
            .of_entity(entity("theirs"))
            .list()
            .all()
            .await
            .unwrap();
        assert_eq!(short(&theirs), ["theirs api hourly 24 tpm=30"]);
        assert_eq!(theirs[0].total_events, 3);
        for snapshots in [
            usage.of_entity(entity("ours")),
            usage.of_entity(entity("ours")).resource(resource("api")),
            usage.of_resource(resource("api")),
        ] {
            let since = snapshots
                .clone()
                .since(at(DAY + 24 * HOUR))
                .until(at(DAY + 24 * HOUR))
                .list()
                .all()
                .await
                .unwrap();
            let ours: Vec<_> = short(&since)
                .into_iter()
                .filter(|row| row.starts_with("ours"))
                .collect();
            assert_eq!(ours.len(), 3, "{ours:?}");
            for (window, starts) in [
                (UsageWindow::Daily, [24, 0]),
                (UsageWindow::Monthly, [24, -30 * 24]),
            ] {
                let rows = snapshots.clone().window(window).list().all().await.unwrap();
                let hours: Vec<_> = rows
                    .iter()
                    .map(|row| hours_since_day(row.window_start))
                    .collect();
                assert_eq!(hours, starts);
            }
        }
        let month = usage
            .of_entity(entity("ours"))
            .window(UsageWindow::Monthly)
            .list()
            .all()
            .await
            .unwrap();
        assert_eq!(
            month[0].window_end(),
            month[0].window_start + Duration::from_secs(28 * 24 * 3600)
        );
    }
}

#[tokio::test]
async fn snapshots_are_listed_page_by_page() {
    for (table, limiter, peer) in tables().await {
        for index in 0..250 {
            let start = format!("2026-01-{:02}T{:02}:00:00Z", 1 + index / 24, index % 24);
            peer.count(("u1", "api"), ("hourly", &start), ("tpm", 1))
                .await;
        }
        let usage = limiter.usage();
        for snapshots in [
            usage.of_entity(entity("u1")),
            usage.of_resource(resource("api")),
        ] {
            let rows = snapshots.clone().list().all().await.unwrap();
            assert_eq!(rows.len(), 250);
            assert!(
                rows.windows(2)
                    .all(|pair| pair[0].window_start > pair[1].window_start)
            );
            assert_eq!(snapshots.summary().await.unwrap().snapshots, 250);
        }
        // Only the page that is needed is fetched.
        let before = table.calls();
        usage
            .of_entity(entity("u1"))
            .list()
            .next()
            .await
            .unwrap()
            .unwrap();
        assert_eq!(table.calls() - before, 1);
        usage
            .of_resource(resource("api"))
            .list()
            .next()
            .await
            .unwrap()
            .unwrap();
        assert_eq!(table.calls() - before, 3);
    }
}

#[tokio::test]
async fn an_item_that_is_no_snapshot_is_skipped_and_an_invalid_count_is_reported() {
    for (table, limiter, peer) in tables().await {
        let start = "2026-01-31T14:00:00Z";
        peer.count(("u1", "api"), ("hourly", start), ("tpm", 5))
            .await;
        peer.count(("u1", "api"), ("hourly", start), ("tpm#od", 2))
            .await;
        // The Python client accepts such names.
        peer.count(("n#1", "api"), ("hourly", start), ("tpm", 5))
            .await;
        peer.count(("u2", "api"), ("hourly", "some day"), ("tpm", 5))
            .await;
        // A window that does not exist yet.
        peer.count(("u3", "api"), ("weekly", start), ("tpm", 5))
            .await;
        let rows = limiter
            .usage()
            .of_resource(resource("api"))
            .list()
            .all()
            .await
            .unwrap();
        assert_eq!(
            short(&rows),
            ["u3 api weekly 14 tpm=5", "u1 api hourly 14 tpm=5"]
        );
        assert_eq!(
            (
                rows[1].overdrawn[&LimitName::new("tpm").unwrap()],
                rows[1].counters.len()
            ),
            (2, 1)
        );

        let mut item = table
            .item("ENTITY#u1", &format!("#USAGE#api#{start}"))
            .await
            .unwrap();
        item.insert("tpm".into(), AttributeValue::N("1.5".into()));
        table
            .engine
            .client()
            .put_item()
            .table_name("limits")
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
        let error = limiter
            .usage()
            .of_entity(entity("u1"))
            .summary()
            .await
            .unwrap_err();
        assert!(error.to_string().contains("tpm"), "{error}");
    }
}

#[tokio::test]
async fn the_memory_store_has_no_snapshots() {
    let limiter = in_memory(&ManualClock::at(START));
    assert!(
        limiter
            .usage()
            .of_entity(entity("u1"))
            .list()
            .all()
            .await
            .unwrap()
            .is_empty()
    );
    let summary = limiter
        .usage()
        .of_resource(resource("api"))
        .summary()
        .await
        .unwrap();
    assert_eq!(
        (summary.snapshots, summary.first_window, summary.total.len()),
        (0, None, 0)
    );
}
