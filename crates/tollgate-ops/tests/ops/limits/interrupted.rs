//! An apply that ends between any two requests is finished by the next one.

use std::time::Duration;

use tollgate::{Limit, model::ConfigScope};
use tollgate_ops::limits::{ApplyOptions, LimitsError, PlanOptions};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::stage::{Sorted, Table};

const BEFORE: &str = "
namespace: default
resources: {search: {disabled: true, limits: {rpm: {capacity: 5}}}, old: {cascade: true}}
entities:
  user-1: {resources: {api: {limits: {rpm: {capacity: 10}}}}}
  user-2: {resources: {api: {limits: {rpm: {capacity: 10}}}}}
";

const AFTER: &str = "
namespace: default
system: {limits: {rpm: {capacity: 3}}}
resources: {search: {limits: {rpm: {capacity: 5, soft: true}}}}
entities:
  user-1: {resources: {api: {disabled: true, limits: {rpm: {capacity: 77}}}}}
  user-2: {resources: {api: {limits: {rpm: {capacity: 88}}}}}
";

/// Returns a table with the first manifest, and with buckets.
async fn table() -> Table {
    let table = Table::new().await;
    table.apply(BEFORE).await;
    let limiter = &table.limiter;
    for entity in ["user-1", "user-2"] {
        let acquire = limiter.acquire(entity, "api").cost("rpm", 1);
        acquire.await.unwrap().commit().await.unwrap();
    }
    table
}

/// Returns the state that counts: configs, flags of buckets and their limits, lists, and work that
/// is owed.
async fn state(table: &Table) -> Vec<(String, Sorted)> {
    let items = table.items().await.into_iter();
    let mut state: Vec<_> = items
        .map(|((hash, range), mut item)| {
            // Different in every table, or by the number of tries.
            item.retain(|name, _| {
                let is_config = [
                    "l_",
                    "w_",
                    "disabled",
                    "cascade",
                    "on_unavailable",
                    "resources",
                    "api",
                ];
                let is_bucket = ["b_rpm_cp", "b_rpm_ra", "b_rpm_rp"];
                let is_record = name.starts_with("managed_") || name == "owners" || name == "apply";
                is_record
                    || is_bucket.contains(&name.as_str())
                    || is_config.iter().any(|start| name.starts_with(start))
            });
            let (_, key) = hash.split_once('/').unwrap();
            (format!("{key} {range}"), item)
        })
        .collect();
    state.sort_by(|(one, _), (other, _)| one.cmp(other));
    state
}

#[tokio::test]
async fn an_apply_that_dies_between_any_two_requests_is_finished_by_the_next() {
    let whole = table().await;
    whole.apply(AFTER).await;
    let expected = state(&whole).await;
    assert!(expected.iter().all(|(key, _)| !key.contains("PENDING")));
    let mut ends = 0;
    loop {
        let table = table().await;
        // The first requests pass, in the order in which they come: the buckets of several configs
        // are written at the same time. From then on nothing does, as if the process had died.
        table
            .proxy
            .add_fault(Fault::delay(Duration::ZERO).times(ends));
        table
            .proxy
            .add_fault(Fault::answer(ErrorAnswer::access_denied("any")));
        let applied = tokio::spawn({
            let target = table.try_target().await;
            async move { apply_from(target, AFTER).await }
        });
        let is_whole = applied.await.unwrap();
        table.proxy.clear_faults();
        // The lease of what it owed ends with the millisecond.
        tokio::time::sleep(Duration::from_millis(2)).await;
        table.apply(AFTER).await;
        let found = state(&table).await;
        assert_eq!(found, expected, "after {ends} requests");
        assert!(table.plan(AFTER).await.is_empty(), "after {ends} requests");
        if is_whole {
            break;
        }
        ends += 1;
    }
    assert!(ends > 25, "{ends}");
}

async fn apply_from(target: Option<tollgate_ops::limits::Target>, text: &str) -> bool {
    let Some(target) = target else {
        return false;
    };
    let manifest = super::stage::manifest(text);
    let Ok(plan) = tollgate_ops::limits::plan(&target, &manifest, PlanOptions::default()).await
    else {
        return false;
    };
    tollgate_ops::limits::apply(&target, &plan, &super::stage::options(), |_| {})
        .await
        .is_ok()
}

impl Table {
    /// Returns the namespace, as a process sees it that began before the faults.
    async fn try_target(&self) -> Option<tollgate_ops::limits::Target> {
        tollgate_ops::limits::Target::new(self.opened.clone(), self.proxy.client()).ok()
    }
}

#[tokio::test]
async fn an_apply_without_rights_says_how_far_it_came() {
    let table = table().await;
    let config = table.limiter.config();
    let scope = ConfigScope::resource("x").unwrap();
    config
        .set(scope, [Limit::per_minute("rpm", 1)])
        .await
        .unwrap();
    let denied = ErrorAnswer::access_denied("dynamodb:TransactWriteItems");
    let opened = table.target().await;
    let manifest = super::stage::manifest(AFTER);
    let plan = tollgate_ops::limits::plan(&opened, &manifest, PlanOptions::default())
        .await
        .unwrap();
    table.proxy.add_fault(
        Fault::delay(Duration::ZERO)
            .on("TransactWriteItems")
            .times(1),
    );
    table
        .proxy
        .add_fault(Fault::answer(denied).on("TransactWriteItems"));
    let error = tollgate_ops::limits::apply(&opened, &plan, &super::stage::options(), |_| {}).await;
    let error = error.unwrap_err();
    let LimitsError::Midway { done, of, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!((*done, *of), (2, plan.changes.len()));
    assert!(
        error
            .to_string()
            .contains("2 of 5 changes are written: apply again to continue"),
        "{error}"
    );
    table.proxy.clear_faults();
    tokio::time::sleep(Duration::from_millis(2)).await;
    table.apply(AFTER).await;
    assert!(table.plan(AFTER).await.is_empty());
}

#[tokio::test]
async fn an_error_with_the_buckets_of_one_config_leaves_no_lease_on_others() {
    let table = table().await;
    let after = BEFORE.replace("capacity: 10", "capacity: 77");
    // The batches read the days of the history, the configs, and which buckets exist.
    let (batch, denied) = ("BatchGetItem", ErrorAnswer::access_denied("any"));
    let (opened, file) = (table.target().await, super::stage::manifest(&after));
    let (short, long) = (super::stage::options(), ApplyOptions::default());
    let options = PlanOptions::default();
    let plan = async || {
        tollgate_ops::limits::plan(&opened, &file, options)
            .await
            .unwrap()
    };
    let planned = plan().await;
    let apply =
        async |plan, options| tollgate_ops::limits::apply(&opened, plan, options, |_| {}).await;
    let pass = Fault::delay(Duration::ZERO).on(batch).times(2);
    table.proxy.add_fault(pass);
    table
        .proxy
        .add_fault(Fault::answer(denied.clone()).on(batch));
    let error = apply(&planned, &short).await.unwrap_err();
    let LimitsError::Midway { done, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*done, 2, "{error}");
    table.proxy.clear_faults();

    tokio::time::sleep(Duration::from_millis(2)).await;
    let planned = plan().await;
    assert_eq!((planned.changes.len(), planned.owed.len()), (0, 2));
    table
        .proxy
        .add_fault(Fault::answer(denied).on("Query").times(1));
    let error = apply(&planned, &long).await.unwrap_err();
    assert!(error.to_string().contains("user-"), "{error}");
    let planned = plan().await;
    let held = planned.owed.iter().map(|owed| owed.held_until);
    assert_eq!(held.collect::<Vec<_>>(), [None], "one is done");
    apply(&planned, &long).await.unwrap();
    assert!(plan().await.is_empty());
}
