//! An apply writes every key, and a second one nothing.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue::{self, Bool, N, S};
use tollgate::{
    Limit,
    model::{Access, AuditSubject, ConfigScope},
};

use super::stage::{Table, manifest, open, options};
use tollgate_ops::limits::{
    ApplyOptions, ChangeAction, LimitsError, Plan, PlanOptions, Target, apply, end_leases, plan,
};
use tollgate_testkit::{ErrorAnswer, Fault};

/// Every key of the format.
pub(super) const EVERY_KEY: &str = r#"
namespace: default
system:
  on_unavailable: allow
  limits:
    rpm: {capacity: 1000}
resources:
  gpt-4:
    disabled: bypass
    cascade: true
    limits:
      rpm:
        capacity: 100
        refill_amount: 50
        refill_period: 30
        soft: true
        schedule: [{cron: "* 9-17 * * MON-FRI", tz: Europe/Berlin, scale: 0.5}]
      daily: {capacity: 500, reset_schedule: [{cron: "0 0 * * *", tz: Europe/Berlin}]}
  search: {disabled: true}
entities:
  user-1:
    resources:
      _default_: {cascade: false}
      gpt-4:
        disabled: false
        limits:
          session: {capacity: 5, reset_after_seconds: 18000}
          tpm: {capacity: 7}
"#;

#[tokio::test]
async fn every_key_is_stored_and_a_second_apply_writes_nothing() {
    let table = Table::new().await;
    let planned = table.plan(EVERY_KEY).await;
    let words: Vec<_> = planned.changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "+ create (system defaults)",
            "+ create resource: gpt-4",
            "+ create resource: search",
            "+ create entity: user-1/_default_",
            "+ create entity: user-1/gpt-4",
        ]
    );
    assert_eq!(table.writes(), 0, "a plan reads only");

    let applied = table.apply(EVERY_KEY).await;
    assert_eq!(
        (applied.created, applied.updated, applied.deleted),
        (5, 0, 0)
    );
    for entry in manifest(EVERY_KEY).entries() {
        let stored = table.limiter.config().get(&entry.scope).await.unwrap();
        assert_eq!(stored.as_ref(), Some(&entry.config));
    }
    let config = table.item("#CONFIG#gpt-4").await.unwrap();
    let number = |value: &str| N(value.into());
    for (attribute, value) in [
        ("w_session_cp", number("5")),
        ("w_session_rsa", number("18000")),
        ("l_tpm_cp", number("7")),
        ("disabled", Bool(false)),
        ("config_version", number("1")),
        ("GSI3SK", S("user-1".into())),
    ] {
        assert_eq!(config.get(attribute), Some(&value), "{attribute}");
    }
    let record = table.item("#PROVISIONER").await.unwrap();
    let names =
        |names: &[&str]| AttributeValue::L(names.iter().map(|name| S((*name).into())).collect());
    assert_eq!(record["managed_system"], Bool(true));
    assert_eq!(record["managed_resources"], names(&["gpt-4", "search"]));
    let entities = record["managed_entities"].as_m().unwrap();
    assert_eq!(entities["user-1"], names(&["_default_", "gpt-4"]));
    assert!(
        record["applied_hash"]
            .as_s()
            .unwrap()
            .starts_with("sha256:")
    );
    assert!(record["last_applied"].as_s().unwrap().ends_with("+00:00"));
    assert!(!record.contains_key("apply"));
    let pending = table
        .items()
        .await
        .into_keys()
        .filter(|(_, range)| range.contains("#PENDING#"));
    assert_eq!(pending.count(), 0);
    let events = table
        .limiter
        .audit()
        .events(&AuditSubject::System)
        .all()
        .await
        .unwrap();
    assert_eq!(events.len(), 1);

    let writes = table.writes();
    let applied = table.apply(EVERY_KEY).await;
    assert_eq!((applied.unchanged, table.writes()), (5, writes));
    assert!(table.plan(EVERY_KEY).await.is_empty());
}

#[tokio::test]
async fn a_changed_file_changes_what_differs_and_deletes_what_is_gone() {
    let table = Table::new().await;
    table.apply(EVERY_KEY).await;
    let changed = "
namespace: default
system: {limits: {rpm: {capacity: 2000}}}
resources: {gpt-4: {limits: {rpm: {capacity: 100}}}}
";
    let planned = table.plan(changed).await;
    let words: Vec<_> = planned.changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "~ update (system defaults)",
            "~ update resource: gpt-4",
            "- delete resource: search",
            "- delete entity: user-1/_default_",
            "- delete entity: user-1/gpt-4",
        ]
    );
    let system = planned.changes[0].differences.iter();
    let fields: Vec<_> = system
        .map(|difference| {
            (
                difference.field.as_str(),
                difference.old.to_string(),
                difference.new.to_string(),
            )
        })
        .collect();
    let old_and_new = |field, old: &str, new: &str| (field, old.to_owned(), new.to_owned());
    assert_eq!(
        fields,
        [
            old_and_new("on_unavailable", "\"allow\"", "null"),
            old_and_new("limits.rpm.capacity", "1000", "2000"),
            old_and_new("limits.rpm.refill_amount", "1000", "2000"),
        ]
    );
    assert_eq!(planned.changes[0].line, Some(3));

    let applied = table.apply(changed).await;
    assert_eq!(
        (applied.created, applied.updated, applied.deleted),
        (0, 2, 3)
    );
    for entry in manifest(changed).entries() {
        let stored = table.limiter.config().get(&entry.scope).await.unwrap();
        assert_eq!(
            stored.as_ref(),
            Some(&entry.config),
            "flags that are gone are removed"
        );
    }
    assert!(table.item("#CONFIG#gpt-4").await.is_none());
    assert!(
        table
            .limiter
            .config()
            .resources_with_entity_limits()
            .await
            .unwrap()
            .is_empty()
    );
    assert!(table.plan(changed).await.is_empty());
}

#[tokio::test]
async fn existing_buckets_follow() {
    let table = Table::new().await;
    let limiter = &table.limiter;
    for entity in ["user-1", "user-2"] {
        let limits = [Limit::per_minute("rpm", 10)];
        let scope = ConfigScope::entity_resource(entity, "api").unwrap();
        limiter.config().set(scope, limits).await.unwrap();
        limiter
            .acquire(entity, "api")
            .cost("rpm", 1)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
    }
    table
        .apply(
            "
namespace: default
entities:
  user-1: {resources: {api: {limits: {rpm: {capacity: 77}}}}}
  user-2: {resources: {api: {disabled: true, limits: {rpm: {capacity: 10}}}}}
",
        )
        .await;
    let items = table.items().await;
    let bucket = |entity: &str| {
        let mut found = items.iter().filter(|((hash, range), _)| {
            range == "#STATE" && hash.contains(&format!("BUCKET#{entity}#"))
        });
        found.next().unwrap().1
    };
    assert_eq!(bucket("user-1")["b_rpm_cp"], N("77000".into()));
    assert_eq!(bucket("user-2")["disabled"], Bool(true));
}

// No limits are written to a bucket that is disabled, and Python clients use those that are in it.
#[tokio::test]
async fn limits_that_change_while_a_bucket_is_disabled_reach_it_when_it_is_enabled() {
    let table = Table::new().await;
    let file = |disabled, capacity| {
        format!(
            "{{namespace: default, entities: {{user-1: {{resources: {{
                _default_: {{disabled: {disabled}}},
                api: {{limits: {{rpm: {{capacity: {capacity}}}}}}}}}}}}}}}"
        )
    };
    table.apply(&file(false, 5)).await;
    let acquire = table.limiter.acquire("user-1", "api").cost("rpm", 1);
    acquire.await.unwrap().commit().await.unwrap();
    for (disabled, capacity) in [(true, 5), (true, 6), (false, 6)] {
        table.apply(&file(disabled, capacity)).await;
        let bucket = table.item("#STATE").await.unwrap();
        assert_eq!(bucket.contains_key("disabled"), disabled);
        if !disabled {
            assert_eq!(bucket["b_rpm_cp"], N("6000".into()));
        }
    }
}

// The library leaves the soft limits of the system to each bucket's next write, and a Python client
// that finds no stamp refuses.
#[tokio::test]
async fn a_soft_limit_of_the_system_reaches_the_buckets() {
    let table = Table::new().await;
    let file = |soft| {
        format!(
            "{{namespace: default, system: {{limits: {{rpm: {{capacity: 5, soft: {soft}}}}}}}}}"
        )
    };
    table.apply(&file(false)).await;
    let limiter = &table.limiter;
    let acquire = limiter.acquire("user-1", "api").cost("rpm", 1);
    acquire.await.unwrap().commit().await.unwrap();
    for soft in [true, false] {
        table.apply(&file(soft)).await;
        let bucket = table.item("#STATE").await.unwrap();
        assert_eq!(bucket.contains_key("b_rpm_soft"), soft);
    }
}

#[tokio::test]
async fn of_two_applies_at_once_one_reports() {
    let table = Table::new().await;
    let text = "{namespace: default, system: {limits: {rpm: {capacity: 5}}}}";
    let (one, other) = (table.target().await, table.target().await);
    let first = plan(&one, &manifest(text), PlanOptions::default())
        .await
        .unwrap();
    let second = plan(&other, &manifest(text), PlanOptions::default())
        .await
        .unwrap();
    apply(&one, &first, &options(), |_| {}).await.unwrap();
    let writes = table.items().await;
    let error = apply(&other, &second, &options(), |_| {})
        .await
        .unwrap_err();
    assert!(matches!(error, LimitsError::Concurrent), "{error}");
    assert_eq!(table.items().await, writes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apply_that_another_one_took_over_reports() {
    let table = Table::new().await;
    let resources = (10..60).map(|number| format!("a-{number}: {{disabled: true}}"));
    let resources = resources.collect::<Vec<_>>().join(", ");
    let many = format!("{{namespace: default, resources: {{{resources}}}}}");
    let other = "{namespace: default, resources: {c: {disabled: true}}}";
    let (target, many) = (table.target().await, manifest(&many));
    let planned = plan(&target, &many, PlanOptions::default()).await.unwrap();
    let options = options();
    let first = apply(&target, &planned, &options, |change| {
        if change.target.as_deref() == Some("a-10") {
            let runtime = tokio::runtime::Handle::current();
            let applied = tokio::task::block_in_place(|| runtime.block_on(table.apply(other)));
            assert_eq!(
                (applied.created, applied.deleted),
                (1, 40),
                "c, and what there is"
            );
        }
    });
    let error = first.await.unwrap_err();
    assert!(
        matches!(error, LimitsError::Overtaken { done: 40 }),
        "it has stopped after the part that was stored before the other began: {error}"
    );
    let planned = table.plan(other).await;
    assert!(planned.is_empty(), "{planned:?}");
}

/// The manifest of an apply that is overtaken, of two parts.
fn of_many_entities() -> String {
    let entities =
        (10..70).map(|number| format!("e-{number}: {{resources: {{api: {{disabled: true}}}}}}"));
    let entities = entities.collect::<Vec<_>>().join(", ");
    format!("{{namespace: default, entities: {{{entities}}}}}")
}

// The first part is on its way when the other apply begins. The other one's list replaced the names
// of its configs, and they looked as if somebody had stored them by hand: no file removed them again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apply_that_was_overtaken_in_the_middle_of_a_part_leaves_it_managed() {
    let other = "{namespace: default, resources: {c: {disabled: true}}}";
    for other_ends_first in [true, false] {
        let table = Table::new().await;
        let late = table.target().await;
        let many = manifest(&of_many_entities());
        let planned = plan(&late, &many, PlanOptions::default()).await.unwrap();
        let hold = Fault::delay(Duration::from_secs(2)).on("TransactWriteItems");
        table.proxy.add_fault(hold.once());
        let options = options();
        let first = tokio::spawn(async move { apply(&late, &planned, &options, |_| {}).await });
        table.proxy.until_received("TransactWriteItems", 1).await;

        let client = table.engine.client();
        let target = Target::new(open(client.clone()).await, client).unwrap();
        let file = manifest(other);
        let planned = plan(&target, &file, PlanOptions::default()).await.unwrap();
        let mut first = Some(first);
        let options = super::stage::options();
        let second = apply(&target, &planned, &options, |_| {
            if !other_ends_first {
                let runtime = tokio::runtime::Handle::current();
                let first = first.take().unwrap();
                let ended = tokio::task::block_in_place(|| runtime.block_on(first));
                let error = ended.unwrap().unwrap_err();
                assert!(
                    matches!(error, LimitsError::Overtaken { done: 40 }),
                    "{error}"
                );
            }
        });
        assert_eq!(second.await.unwrap().created, 1);
        if let Some(first) = first {
            let error = first.await.unwrap().unwrap_err();
            assert!(
                matches!(error, LimitsError::Overtaken { done: 40 }),
                "{error}"
            );
        }

        let planned = table.plan(other).await;
        assert_eq!(planned.unmanaged, [""; 0]);
        let deletes = planned.changes.iter();
        let deletes = deletes.filter(|change| change.action == ChangeAction::Delete);
        assert_eq!(deletes.count(), 40);
        assert_eq!(table.apply(other).await.deleted, 40);
        assert!(table.plan(other).await.is_empty());
        let record = table.item("#PROVISIONER").await.unwrap();
        assert!(
            !record.contains_key("late") && !record.contains_key("apply"),
            "{record:?}"
        );
    }
}

// An apply that is interrupted must not make the next one wait for a minute.
#[tokio::test]
async fn the_leases_of_an_apply_that_was_dropped_can_be_ended() {
    let table = Table::new().await;
    let (target, many) = (table.target().await, manifest(&of_many_entities()));
    let planned = plan(&target, &many, PlanOptions::default()).await.unwrap();
    let options = ApplyOptions::default();
    let applying = async {
        let pass = Fault::delay(Duration::ZERO).on("TransactWriteItems");
        table.proxy.add_fault(pass.times(1));
        table
            .proxy
            .add_fault(Fault::black_hole().on("TransactWriteItems"));
        apply(&target, &planned, &options, |_| {}).await
    };
    tokio::select! {
        _ = applying => panic!("nothing answers"),
        () = table.proxy.until_received("TransactWriteItems", 2) => {}
    }
    table.proxy.clear_faults();
    let held = |plan: &Plan| {
        let held = plan.owed.iter().filter(|owed| owed.held_until.is_some());
        (plan.owed.len(), held.count())
    };
    let text = of_many_entities();
    assert_eq!(held(&table.plan(&text).await), (40, 40));
    end_leases(&target, &ApplyOptions::default()).await.unwrap();
    assert_eq!(held(&table.plan(&text).await), (40, 40), "not its own");
    end_leases(&target, &options).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(held(&table.plan(&text).await), (40, 0));
    let applied = table.apply(&text).await;
    assert_eq!((applied.updated, applied.owed.len()), (60, 0));
    assert!(table.plan(&text).await.is_empty());
}

#[tokio::test]
async fn a_list_of_configs_that_no_item_takes_is_told_before_anything_is_written() {
    let table = Table::new().await;
    let mut text = "namespace: default\nentities:\n".to_owned();
    for index in 0..3_000 {
        text += &format!(
            "  {}-{index}: {{resources: {{api: {{disabled: true}}}}}}\n",
            "a".repeat(150)
        );
    }
    let before = table.items().await;
    let (target, file) = (table.target().await, manifest(&text));
    let planned = plan(&target, &file, PlanOptions::default());
    let error = planned.await.unwrap_err();
    assert!(matches!(error, LimitsError::TooMany), "{error}");
    assert_eq!(table.items().await, before);
}

// The size is computed: a list that is refused must not fit, and one that is planned must.
#[tokio::test]
async fn the_longest_list_that_is_planned_is_applied() {
    let table = Table::new().await;
    let file = |entities: usize| {
        let entities = (0..entities).map(|index| {
            format!(
                "  {}-{index:05}: {{resources: {{api: {{disabled: true}}}}}}\n",
                "a".repeat(200)
            )
        });
        manifest(&format!(
            "namespace: default\nentities:\n{}",
            entities.collect::<String>()
        ))
    };
    let target = table.target().await;
    // Each entity takes 206 bytes, 1 for the element, 3 for its list, and 4 for the resource.
    let most = (400 * 1024 - 1024 - 6) / 214;
    let error = plan(&target, &file(most + 1), PlanOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(error, LimitsError::TooMany), "{error}");
    let planned = plan(&target, &file(most), PlanOptions::default())
        .await
        .unwrap();
    let hold = Fault::answer(ErrorAnswer::access_denied("any")).on("TransactWriteItems");
    table.proxy.add_fault(hold);
    let error = apply(&target, &planned, &options(), |_| {})
        .await
        .unwrap_err();
    assert!(
        matches!(error, LimitsError::Midway { done: 0, .. }),
        "the record was written: {error}"
    );
}

#[tokio::test]
async fn thousands_of_entities_are_applied_and_a_second_apply_writes_nothing() {
    const ENTITIES: usize = 1_000;
    let table = Table::new().await;
    let mut text = "namespace: default\nentities:\n".to_owned();
    for index in 0..ENTITIES {
        text += &format!(
            "  user-{index}: {{resources: {{api: {{limits: {{rpm: {{capacity: {}}}}}}}}}}}\n",
            index + 1
        );
    }
    let target = table.target().await;
    let file = manifest(&text);
    let planned = plan(&target, &file, PlanOptions::default()).await.unwrap();
    let (begun, before) = (Instant::now(), table.requests());
    let applied = apply(&target, &planned, &options(), |_| {}).await.unwrap();
    eprintln!("{ENTITIES} entities applied in {:?}", begun.elapsed());
    assert_eq!(applied.created, ENTITIES);
    let writes = table.writes();
    // The record is written twice. Forty entities take three transactions: the buckets that are
    // owed, the configs with their events, the buckets that are done.
    let parts = ENTITIES.div_ceil(40) as u64;
    assert_eq!(writes, 2 + 3 * parts);
    // And three reads: of the record, of the configs, and of the buckets.
    let requests = table.requests() - before;
    assert!(requests <= 2 + 6 * parts + 2, "{requests} round trips");
    let counted = table.item("#ENTITY_CONFIG_RESOURCES").await.unwrap();
    assert_eq!(counted["api"], N(ENTITIES.to_string()));
    let begun = Instant::now();
    let applied = table.apply(&text).await;
    eprintln!("the second apply took {:?}", begun.elapsed());
    assert_eq!((applied.unchanged, table.writes()), (ENTITIES, writes));

    let applied = table.apply("namespace: default").await;
    assert_eq!(applied.deleted, ENTITIES);
    let counted = table.item("#ENTITY_CONFIG_RESOURCES").await.unwrap();
    assert!(!counted.contains_key("api"), "{counted:?}");
}

// Somebody may disable a resource because of an emergency: the plan that was made before says
// nothing about it.
#[tokio::test]
async fn an_apply_does_not_undo_a_disable_that_is_newer_than_the_plan() {
    let table = Table::new().await;
    let text = "
namespace: default
resources: {a: {limits: {rpm: {capacity: 5}}}, b: {limits: {rpm: {capacity: 6}}}}
";
    let target = table.target().await;
    let file = manifest(text);
    let planned = plan(&target, &file, PlanOptions::default()).await.unwrap();
    let config = table.limiter.config();
    let scope = ConfigScope::resource("b").unwrap();
    config.disable(&scope).await.unwrap();
    let applied = apply(&target, &planned, &options(), |_| {}).await.unwrap();
    assert_eq!(applied.created, 2);
    let stored = config.get(&scope).await.unwrap();
    let declared = manifest(text).get(&scope).cloned().unwrap();
    assert_eq!(stored, Some(declared.with_access(Access::Disabled)));
    let pending = table.items().await.into_keys();
    assert!(
        pending
            .into_iter()
            .all(|(_, range)| !range.contains("#PENDING#"))
    );
    // The next plan was made after it, and the file decides.
    assert_eq!(table.plan(text).await.changes[0].differences.len(), 1);
    table.apply(text).await;
    assert!(table.plan(text).await.is_empty());
}

// Of two configs that are written one after the other, the first one is stored.
#[tokio::test]
async fn a_change_that_is_stored_counts_also_if_a_later_one_fails() {
    let table = Table::new().await;
    let text = "
namespace: default
resources: {a: {limits: {rpm: {capacity: 5}}}, b: {limits: {rpm: {capacity: 6}}}}
";
    let target = table.target().await;
    let file = manifest(text);
    let planned = plan(&target, &file, PlanOptions::default()).await.unwrap();
    let config = table.limiter.config();
    let scope = ConfigScope::resource("b").unwrap();
    config.disable(&scope).await.unwrap();
    // The first config alone passes. What the second one owes cannot be recorded.
    let pass = Fault::delay(Duration::ZERO).on("TransactWriteItems");
    table.proxy.add_fault(pass.times(1));
    let dead = Fault::answer(ErrorAnswer::access_denied("any"));
    table.proxy.add_fault(dead.on("TransactWriteItems"));
    let (mut reported, options) = (Vec::new(), options());
    let applied = apply(&target, &planned, &options, |change| {
        reported.push(change.to_string());
    });
    let error = applied.await.unwrap_err();
    assert!(
        matches!(error, LimitsError::Midway { done: 1, of: 2, .. }),
        "{error}"
    );
    assert_eq!(reported, ["+ create resource: a"]);
    table.proxy.clear_faults();
}

// Others write the lists of the table at the same time: DynamoDB cancels one of two transactions.
#[tokio::test]
async fn a_cancelled_transaction_is_repeated_and_counts_once() {
    let table = Table::new().await;
    let entities = (0..50).map(|index| {
        let limits = "{limits: {rpm: {capacity: 5}}}";
        format!("  user-{index}: {{resources: {{api: {limits}, chat: {limits}}}}}\n")
    });
    let text = format!(
        "namespace: default\nentities:\n{}",
        entities.collect::<String>()
    );
    let conflict = ErrorAnswer::transaction_canceled(["TransactionConflict"]);
    let conflict = Fault::answer(conflict).on("TransactWriteItems");
    table.proxy.add_fault(conflict.times(3));
    assert_eq!(table.apply(&text).await.created, 100);
    let counted = table.item("#ENTITY_CONFIG_RESOURCES").await.unwrap();
    assert_eq!(counted["api"], N("50".into()));
    assert_eq!(counted["chat"], N("50".into()));
    assert!(table.plan(&text).await.is_empty());
}
