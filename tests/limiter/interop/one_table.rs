//! Settings that both clients read from the table, and the shape of a denial in both.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use tollgate::{
    Error, Limit,
    model::{BucketTtl, ConfigScope, StoredConfig, StoredOnUnavailable},
};
use tollgate_testkit::{Fault, Proxy};

use super::peer::{Item, Maker, STACK, Table, settings, table_or_skip};

impl Table {
    /// Runs Python code, and returns the last line that it prints.
    async fn printed(&self, code: &str) -> Value {
        let output = self.python_of(code).output().await.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{code}: {errors}");
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    }

    async fn named(&self, part: &str) -> Vec<Item> {
        let mut items = self.items().await;
        items.retain(|item| item["PK"].as_s().unwrap().contains(part));
        items
    }
}

/// Returns the days until the items expire.
fn days(items: &[Item]) -> Vec<Option<i64>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = i64::try_from(now.unwrap().as_secs()).unwrap();
    let days =
        |ttl: &AttributeValue| (ttl.as_n().unwrap().parse::<i64>().unwrap() - now + 3600) / 86_400;
    items.iter().map(|item| item.get("ttl").map(days)).collect()
}

#[tokio::test]
async fn the_days_of_the_history_that_they_store_are_obeyed_and_kept() {
    let table = table_or_skip!(Maker::Theirs);
    table
        .python(
            "repository._stack_options = StackOptions(audit_retention_days=30)\n\
             await repository._write_audit_retention_config()",
        )
        .await;
    let config = table.ours.config();
    config
        .set(ConfigScope::system(), Limit::per_minute("rpm", 60))
        .await
        .unwrap();
    assert_eq!(days(&table.named("AUDIT#$SYSTEM").await), [Some(30)]);
    let theirs = "print(await repository._get_audit_retention_days())";
    assert_eq!(table.printed(theirs).await, json!(30));
}

#[tokio::test]
async fn the_action_that_they_store_is_ours() {
    let mut table = table_or_skip!(Maker::Theirs);
    let limits =
        json!([{"name": "rpm", "capacity": 60, "refill_amount": 60, "refill_period_seconds": 60}]);
    table
        .theirs
        .ask(json!({"op": "set_system", "limits": limits, "on_unavailable": "allow"}))
        .await;
    let proxy = Proxy::start(table.engine.address()).await;
    let ours = tollgate::RateLimiter::open()
        .stack(STACK)
        .client(table.engine.through(&proxy))
        .settings(
            settings()
                .deadline(Duration::from_millis(500))
                .config_ttl(Duration::from_secs(60)),
        )
        .await
        .unwrap();
    let lease = ours.acquire("user", "api").await.unwrap();
    lease.commit().await.unwrap();
    proxy.set_fault(Fault::refuse());
    assert!(ours.acquire("user", "api").await.unwrap().is_degraded());
    proxy.clear_faults();
    let block = StoredConfig::new([Limit::per_minute("rpm", 60)]);
    let block = block.with_on_unavailable(StoredOnUnavailable::Block);
    ours.config()
        .set(ConfigScope::system(), block)
        .await
        .unwrap();
    let theirs = "import json\nprint(json.dumps((await limiter.get_system_defaults())[1].value))";
    assert_eq!(table.printed(theirs).await, json!("block"));
}

#[tokio::test]
async fn buckets_that_stay_are_used_by_both() {
    let mut table = table_or_skip!(Maker::Ours);
    let limiter = tollgate::RateLimiter::open()
        .stack(STACK)
        .client(table.engine.client())
        .settings(settings().bucket_ttl(BucketTtl::Never))
        .await
        .unwrap();
    let limit = Limit::per_day("tpd", 100);
    let limits = json!([{"name": "tpd", "capacity": 100, "refill_amount": 100, "refill_period_seconds": 86_400}]);
    let acquire = || {
        limiter
            .acquire("user", "api")
            .limits(limit.clone())
            .cost("tpd", 10)
    };
    acquire().await.unwrap().commit().await.unwrap();
    assert_eq!(days(&table.named("BUCKET#user").await), [None]);
    let theirs = json!({"op": "acquire", "entity": "user", "resource": "api", "consume": {"tpd": 10}, "limits": limits});
    table.theirs.ask(theirs).await;
    acquire().await.unwrap().commit().await.unwrap();
    assert_eq!(table.theirs.available("user", "tpd", &limits).await, 70);
    // Theirs, without an expiry.
    table
        .python(
            "repository._bucket_ttl_refill_multiplier = 0\n\
             async with limiter.acquire('user-2', 'api', {'tpd': 10}, limits=[Limit.per_day('tpd', 100)]):\n    pass",
        )
        .await;
    assert_eq!(days(&table.named("BUCKET#user-2").await), [None]);
    let ours = limiter
        .acquire("user-2", "api")
        .limits(limit)
        .cost("tpd", 90)
        .await;
    ours.unwrap().commit().await.unwrap();
    assert_eq!(days(&table.named("BUCKET#user-2").await), [None]);
}

#[tokio::test]
async fn a_denial_has_the_same_shape_in_both() {
    let table = table_or_skip!(Maker::Ours);
    let limits = [
        Limit::per_day("tpd", 100),
        Limit::per_minute("rpm", 60).with_burst(90),
        Limit::quota("day", 50).daily("Europe/Berlin").unwrap(),
    ];
    let ask = |day| {
        let acquire = table.ours.acquire("user", "api").limits(limits.clone());
        acquire.cost("tpd", 1).cost("rpm", 1).cost("day", day)
    };
    ask(40).await.unwrap().commit().await.unwrap();
    let Err(Error::Denied(denied)) = ask(20).await else {
        panic!("there are 10 left")
    };
    let mut ours = denied.to_json(SystemTime::now());
    let mut theirs = table
        .printed(
            "import json\n\
             limits = [Limit.per_day('tpd', 100), Limit.custom('rpm', 90, 60, 60), \
             Limit.quota('day', 50, cron='0 0 * * *', tz='Europe/Berlin')]\n\
             try:\n    \
             async with limiter.acquire('user', 'api', {'tpd': 1, 'rpm': 1, 'day': 20}, limits=limits):\n        \
             pass\n\
             except RateLimitExceeded as denied:\n    print(json.dumps(denied.as_dict()))",
        )
        .await;
    for json in [&mut ours, &mut theirs] {
        let limits = json["limits"].as_array_mut().unwrap();
        limits.sort_by_key(|limit| limit["limit_name"].to_string());
        // The rates have refilled since, and the times differ by the time between the calls.
        assert!(json["message"].is_string());
        json["message"] = json!("");
        for limit in json["limits"].as_array_mut().unwrap() {
            limit["available"] = json!(limit["available"].as_i64().unwrap() / 50);
        }
    }
    let wait = |json: &mut Value, name: &str| json[name].take().as_f64().unwrap();
    for name in ["retry_after_seconds", "retry_after_ms"] {
        let (one, other) = (wait(&mut ours, name), wait(&mut theirs, name));
        assert!((one - other).abs() < 60_000.0, "{name}: {one} {other}");
    }
    for (one, other) in ours["limits"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .zip(theirs["limits"].as_array_mut().unwrap())
    {
        let (a, b) = (
            wait(one, "retry_after_seconds"),
            wait(other, "retry_after_seconds"),
        );
        assert!((a - b).abs() < 60.0, "{one}: {a} {b}");
        if one["kind"] == "quota" {
            let (a, b) = (wait(one, "resets_at_ms"), wait(other, "resets_at_ms"));
            assert!((a - b).abs() < 1000.0, "{a} {b}");
        }
    }
    assert_eq!(ours, theirs);
}
