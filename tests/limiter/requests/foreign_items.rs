//! Items that no limiter of ours writes: from Python clients, manual edits and wrong clocks.
//! Nothing panics, nothing is minted, and the next write repairs what can be repaired.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    Error, Lease, Limit, RateLimiter,
    clock::{Clock, ManualClock},
    model::Entity,
};

use super::fixture::{STACK, START, Table, integer, settings};

/// 60 tokens, refilled at a millitoken per millisecond.
fn limit() -> Limit {
    Limit::per_minute("rpm", 60)
}

/// A clock that is known to be right to a second.
#[derive(Clone, Debug)]
struct Right(ManualClock);

impl Clock for Right {
    fn now(&self) -> i64 {
        self.0.now()
    }

    fn error(&self) -> Option<i64> {
        Some(1000)
    }
}

struct Foreign {
    table: Table,
    clock: ManualClock,
    limiter: RateLimiter,
}

impl Foreign {
    /// Creates a bucket that lacks 10 tokens and is then changed from outside. The limiter has not
    /// seen it.
    async fn with<const N: usize>(
        mixed: Option<bool>,
        attributes: [(&str, Option<&str>); N],
    ) -> Self {
        let (table, clock) = (Table::create().await, ManualClock::at(START));
        let first = table.limiter(settings(&clock)).await;
        first
            .acquire("user", "api")
            .limits(limit())
            .cost("rpm", 10)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        first.shutdown().await;
        let known = settings(&clock).clock(Right(clock.clone()));
        let settings = match mixed {
            Some(mixed) => known.mixed_fleet(mixed),
            None => known,
        };
        let limiter = table.limiter(settings).await;
        let foreign = Self {
            table,
            clock,
            limiter,
        };
        foreign.set(attributes).await;
        foreign
    }

    /// Changes numbers of the item; `None` removes the attribute.
    async fn set<const N: usize>(&self, attributes: [(&str, Option<&str>); N]) {
        let mut item = self.table.item("user", "api").await.unwrap();
        for (name, value) in attributes {
            match value {
                Some(value) => item.insert(name.to_owned(), AttributeValue::N(value.to_owned())),
                None => item.remove(name),
            };
        }
        self.table
            .engine
            .client()
            .put_item()
            .table_name(STACK)
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
    }

    async fn acquire(&self, cost: u64) -> Result<Lease, Error> {
        self.limiter
            .acquire("user", "api")
            .limits(limit())
            .cost("rpm", cost)
            .await
    }

    async fn numbers<const N: usize>(&self, attributes: [&str; N]) -> [i64; N] {
        let item = self.table.item("user", "api").await.unwrap();
        attributes.map(|attribute| integer(&item, attribute))
    }

    /// Returns the number of tokens that are granted one by one until a denial.
    async fn grants(&self) -> u64 {
        let mut granted = 0;
        while let Ok(lease) = self.acquire(1).await {
            lease.commit().await.unwrap();
            granted += 1;
            assert!(granted <= 1000, "there is no end to it");
        }
        granted
    }
}

/// Invalid values are treated alike in every mode.
const MODES: [Option<bool>; 3] = [None, Some(false), Some(true)];

#[tokio::test]
async fn tokens_above_the_capacity_are_cut() {
    for mixed in MODES {
        for tokens in [
            "60001",
            "9000000",
            "4611686018427387904",
            "9223372036854775807",
        ] {
            let foreign = Foreign::with(mixed, [("b_rpm_tk", Some(tokens))]).await;
            assert_eq!(foreign.grants().await, 60, "{tokens} {mixed:?}");
        }
    }
}

#[tokio::test]
async fn an_anchor_of_the_distant_past_fills_the_bucket_once() {
    for mixed in MODES {
        for rf in ["0", "-1", "1", "-9223372036854775808"] {
            let foreign = Foreign::with(mixed, [("rf", Some(rf)), ("b_rpm_tk", Some("0"))]).await;
            assert_eq!(foreign.grants().await, 60, "{rf} {mixed:?}");
        }
    }
}

#[tokio::test]
async fn an_anchor_far_ahead_brings_nothing_and_is_put_right() {
    let hours = (START + 7_200_000).to_string();
    for mixed in MODES {
        for rf in [hours.as_str(), "9223372036854775807"] {
            let foreign =
                Foreign::with(mixed, [("rf", Some(rf)), ("b_rpm_tk", Some("5000"))]).await;
            // The first write moves the anchor back.
            foreign.acquire(1).await.unwrap().commit().await.unwrap();
            assert_eq!(
                foreign.numbers(["rf", "la", "b_rpm_tk"]).await,
                [START, START, 4000],
                "{rf} {mixed:?}"
            );
            foreign.clock.advance(Duration::from_secs(10));
            assert_eq!(foreign.grants().await, 14, "{rf} {mixed:?}");
        }
    }
}

/// Transactions are not denied for hours either, neither of a child and its parent nor of two
/// shards whose anchors are both far ahead.
#[tokio::test]
async fn an_anchor_far_ahead_is_put_right_where_only_transactions_are_asked_for() {
    let hours = (START + 7_200_000).to_string();
    for shards in [false, true] {
        let foreign = Foreign::with(
            None,
            [("rf", Some(hours.as_str())), ("b_rpm_tk", Some("4000"))],
        )
        .await;
        let ask = async |cost| {
            let acquire = foreign
                .limiter
                .acquire("user", "api")
                .limits(limit())
                .cost("rpm", cost);
            if shards {
                acquire.await
            } else {
                acquire.in_one_transaction().await
            }
        };
        if shards {
            assert!(foreign.table.split("user", "api", 1).await);
        } else {
            let user = Entity::new("user".try_into().unwrap())
                .with_parent("org".try_into().unwrap())
                .cascading();
            foreign.limiter.entities().create(user).await.unwrap();
        }
        assert!(ask(40).await.unwrap_err().denied().is_some());
        assert_eq!(
            foreign.numbers(["rf", "la"]).await,
            [START, START],
            "{shards}"
        );
        foreign.clock.advance(Duration::from_secs(40));
        ask(42).await.expect("4 and 40").commit().await.unwrap();
        assert!(ask(42).await.unwrap_err().denied().is_some());
    }
}

#[tokio::test]
async fn an_anchor_a_little_ahead_is_waited_for() {
    for mixed in MODES {
        let ahead = (START + 1000).to_string();
        let foreign =
            Foreign::with(mixed, [("rf", Some(&ahead)), ("b_rpm_tk", Some("5000"))]).await;
        assert_eq!(foreign.grants().await, 5, "{mixed:?}");
        foreign.clock.advance(Duration::from_secs(3));
        // The refill counts from the anchor on.
        assert_eq!(foreign.grants().await, 2, "{mixed:?}");
    }
}

#[tokio::test]
async fn counters_count_nothing_but_themselves() {
    for mixed in MODES {
        for counter in [
            None,
            Some("-9223372036854775808"),
            Some("0"),
            Some("9223372036854775807"),
        ] {
            let foreign =
                Foreign::with(mixed, [("b_rpm_tc", counter), ("b_wcu_tc", counter)]).await;
            assert_eq!(foreign.grants().await, 50, "{counter:?} {mixed:?}");
            foreign.clock.advance(Duration::from_secs(5));
            assert_eq!(foreign.grants().await, 5, "{counter:?} {mixed:?}");
        }
    }
}

#[tokio::test]
async fn remainders_that_make_no_sense_are_none() {
    for mixed in MODES {
        for remainder in ["-1", "60000", "9223372036854775807", "-9223372036854775808"] {
            let foreign = Foreign::with(mixed, [("b_rpm_fr", Some(remainder))]).await;
            assert_eq!(foreign.grants().await, 50, "{remainder} {mixed:?}");
        }
    }
}

#[tokio::test]
async fn an_anchor_mark_that_is_not_ours_is_a_sign_of_a_peer_at_most() {
    for own in [None, Some("0"), Some("9223372036854775807")] {
        let foreign = Foreign::with(None, [("la", own)]).await;
        assert_eq!(foreign.grants().await, 50, "{own:?}");
        foreign.clock.advance(Duration::from_secs(60));
        foreign.acquire(10).await.unwrap().commit().await.unwrap();
        // The bucket is full, so the write has moved the anchor.
        let at = START + 60_000;
        assert_eq!(
            foreign.numbers(["rf", "la", "b_rpm_tk"]).await,
            [at, at, 50_000],
            "{own:?}"
        );
    }
}

#[tokio::test]
async fn the_write_counter_denies_nothing_and_is_refilled_for_peers() {
    for mixed in MODES {
        for writes in ["-9223372036854770000", "-700000", "299999", "9000000000"] {
            let foreign = Foreign::with(mixed, [("b_wcu_tk", Some(writes))]).await;
            foreign.clock.advance(Duration::from_secs(1));
            assert_eq!(foreign.grants().await, 51, "{writes} {mixed:?}");
        }
    }
    // One second refills the counter. A limiter that expects Python clients does not let the
    // counter run out.
    let foreign = Foreign::with(Some(true), [("b_wcu_tk", Some("299999"))]).await;
    foreign.clock.advance(Duration::from_secs(1));
    foreign.acquire(1).await.unwrap().commit().await.unwrap();
    assert_eq!(foreign.numbers(["b_wcu_tk"]).await, [999_000]);
}

#[tokio::test]
async fn a_bucket_of_no_tokens_denies() {
    for mixed in MODES {
        let debt = Foreign::with(mixed, [("b_rpm_tk", Some("-9223372036854775808"))]).await;
        assert_eq!(debt.grants().await, 0, "{mixed:?}");
        debt.clock.advance(Duration::from_secs(3000));
        assert_eq!(debt.grants().await, 0, "{mixed:?}");
    }
}

#[tokio::test]
async fn invalid_numbers_are_an_error_and_no_panic() {
    for (attribute, value) in [
        ("rf", "1e40"),
        ("rf", "0.5"),
        ("b_rpm_tk", "1e30"),
        ("b_rpm_cp", "-1"),
        ("b_rpm_ra", "0"),
        ("b_rpm_rp", "0"),
        ("shard_count", "0"),
        ("shard_count", "64"),
    ] {
        let foreign = Foreign::with(None, [(attribute, Some(value))]).await;
        let error = foreign.acquire(1).await.unwrap_err();
        assert!(
            matches!(error, Error::Unavailable(_)),
            "{attribute} {value}: {error:?}"
        );
    }
}

/// An item as a Python client writes it, without our anchor and with another expiry.
#[tokio::test]
async fn a_peers_bucket_is_spent_from_without_moving_its_anchor_more_than_need_be() {
    let foreign = Foreign::with(None, [("la", None), ("ttl", None)]).await;
    for mixed in [false, true] {
        let table = &foreign.table;
        let limiter = table
            .limiter(settings(&foreign.clock).mixed_fleet(mixed))
            .await;
        let rf = (START - 10_000).to_string();
        let ttl = (START / 1000 + 3600).to_string();
        foreign
            .set([
                ("la", None),
                ("rf", Some(&rf)),
                ("ttl", Some(&ttl)),
                ("b_rpm_tk", Some("30000")),
            ])
            .await;
        for left in (0..30).rev() {
            let acquire = limiter
                .acquire("user", "api")
                .limits(limit())
                .cost("rpm", 1);
            acquire.await.unwrap().commit().await.unwrap();
            assert_eq!(
                foreign.numbers(["b_rpm_tk", "rf"]).await,
                [left * 1000, START - 10_000],
                "{mixed}"
            );
        }
        // The stored tokens are used up. This spend takes from the refill since the anchor, and
        // moves the anchor.
        limiter
            .acquire("user", "api")
            .limits(limit())
            .cost("rpm", 1)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        assert_eq!(foreign.numbers(["b_rpm_tk", "rf"]).await, [9_000, START]);
    }
}

#[tokio::test]
async fn a_peer_that_was_seen_is_forgotten_after_ten_minutes() {
    let foreign = Foreign::with(Some(false), []).await;
    let full_at = async |millis: u64| {
        foreign.clock.advance(Duration::from_millis(millis));
        let [before] = foreign.numbers(["rf"]).await;
        foreign.acquire(1).await.unwrap().commit().await.unwrap();
        let [after] = foreign.numbers(["rf"]).await;
        after != before
    };
    assert!(!full_at(60_000).await, "nobody else is there");
    // A Python client refills the bucket.
    let rf = (START + 90_000).to_string();
    foreign
        .set([("rf", Some(&rf)), ("b_rpm_tk", Some("20000"))])
        .await;
    assert!(
        !full_at(30_000).await,
        "the write that shows it is below the cap"
    );
    assert!(full_at(60_000).await, "it was seen");
    assert!(full_at(300_000).await, "it is remembered");
    assert!(full_at(230_000).await, "just so");
    assert!(
        !full_at(20_000).await,
        "ten minutes after it was seen it is forgotten"
    );
}

/// A limit that lacks one of its attributes begins empty. The other limits are not affected.
#[tokio::test]
async fn a_limit_without_one_of_its_attributes_mints_nothing() {
    for missing in ["b_rpm_tk", "b_rpm_cp", "b_rpm_ra", "b_rpm_rp"] {
        let foreign = Foreign::with(None, [(missing, None)]).await;
        let error = foreign.acquire(1).await.unwrap_err();
        assert!(error.denied().is_some(), "without {missing}: {error}");
        // The limit refills from then on, one token a second.
        foreign.clock.advance(Duration::from_millis(2500));
        assert_eq!(foreign.grants().await, 2, "without {missing}");
        assert_eq!(
            foreign.numbers(["b_rpm_cp", "b_rpm_ra", "b_rpm_rp"]).await,
            [60_000, 60_000, 60_000]
        );
    }
}

/// An unknown attribute does not make a bucket corrupt.
#[tokio::test]
async fn an_attribute_of_an_unknown_limit_is_ignored() {
    for foreign in [
        [("b_x_tk", Some("7")), ("b_x_cp", Some("9000"))],
        [("b_x_cp", Some("9000")), ("b_x_rp", None)],
    ] {
        let foreign = Foreign::with(None, foreign).await;
        assert_eq!(foreign.grants().await, 50);
    }
}
