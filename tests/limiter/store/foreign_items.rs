//! Items that others wrote: unknown attributes, shards, leftovers and invalid values.

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    model::{Anchor, Parameters, TokenChange, Update},
    store::{Store, StoreErrorKind, WriteOutcome},
};

use tollgate_testkit::conformance::writes::{
    NOW, add, apply, create, held, key, limit, name, of, put, refuse, spend, update,
};

use super::table::{Item, Table, number_value, text_value};

#[tokio::test]
async fn attributes_that_no_write_names_survive_every_write() {
    let table = Table::create().await;
    let store = table.store();
    put(&store, [limit("rpm", 5_000), limit("tpm", 5_000)]).await;
    let list = AttributeValue::L(vec![AttributeValue::Null(true)]);
    let foreign = [
        ("pgen", number_value(1_795_501_139_494i64)),
        ("pinc", text_value("70dba97f28e80df0")),
        ("b_rpm_gc", number_value(3)),
        ("b_rpm_sched", text_value("-")),
        ("b_tpm_rsched", text_value("-")),
        ("new_thing", Some(list)),
        ("parent_id", text_value("org")),
        ("cascade", Some(AttributeValue::Bool(true))),
    ];
    table.set(foreign.clone()).await;

    let adding = update([])
        .with_anchor(Anchor::Moves {
            seen: NOW,
            to: NOW + 1,
        })
        .with_added(limit("rpd", 1_000));
    let pinned = update([spend("rpm", 1_000)]).with_anchor(Anchor::Pinned(NOW));
    let moved = update([spend("rpm", 1_000)]).with_anchor(Anchor::Moves {
        seen: NOW + 1,
        to: NOW + 2,
    });
    let writes = [
        update([spend("rpm", 1_000)]),
        pinned,
        adding,
        moved,
        update([add("tpm", -9_000)]),
        update([add("tpm", 1)]),
    ];
    for write in &writes {
        let state = apply(&store, write).await;
        assert_eq!(
            (state.cascade, state.parent.as_ref().map(|id| id.as_str())),
            (true, Some("org"))
        );
        let item = table.item().await.unwrap();
        for (name, value) in &foreign {
            assert_eq!(item.get(*name), value.as_ref(), "{name} after {write:?}");
        }
    }
}

#[tokio::test]
async fn shards_are_read_with_what_one_of_them_holds() {
    let table = Table::create().await;
    let store = table.store();
    put(&store, [limit("rpm", 2_000)]).await;
    table
        .set([
            ("shard_count", number_value(4)),
            ("b_rpm_cp", number_value(10_003)),
            ("parent_id", Some(AttributeValue::Null(true))),
        ])
        .await;
    let state = store.read(&key()).await.unwrap().unwrap();
    assert_eq!(
        (state.shard, state.shard_count, &state.parent),
        (0, 4, &None)
    );
    let parameters = Parameters::new(10_003, 1_000, 1_000).unwrap();
    assert_eq!(of(&state, "rpm").parameters, parameters);
    assert_eq!(
        of(&state, "rpm").rule_at(NOW),
        parameters.shard(0, 4).unwrap()
    );
    assert_eq!(of(&state, "rpm").rule_at(NOW).capacity(), 2_501);
    // The write capacity of an item does not depend on the number of shards.
    assert_eq!(state.pressure.unwrap().rule.capacity(), 1_000_000);

    // The last shard is stored under a key of its own.
    let mut item = table.item().await.unwrap();
    item.insert(
        "PK".into(),
        AttributeValue::S("abcdefghijk/BUCKET#user-1#api#3".into()),
    );
    table
        .client
        .put_item()
        .table_name("limits")
        .set_item(Some(item))
        .send()
        .await
        .unwrap();
    let last = key().with_shard(3);
    let state = store.read(&last).await.unwrap().unwrap();
    assert_eq!(
        (state.shard, of(&state, "rpm").rule_at(NOW).capacity()),
        (3, 2_500)
    );
    let WriteOutcome::Applied(state) = store
        .update(&last, &update([spend("rpm", 500)]))
        .await
        .unwrap()
    else {
        panic!("refused");
    };
    assert_eq!(held(&state, "rpm").0, 1_500);
    assert_eq!(
        held(&store.read(&key()).await.unwrap().unwrap(), "rpm").0,
        2_000
    );
}

#[tokio::test]
async fn a_limit_counts_only_with_all_of_its_attributes() {
    for missing in ["b_tpm_tk", "b_tpm_cp", "b_tpm_ra", "b_tpm_rp"] {
        let table = Table::create().await;
        let store = table.store();
        put(&store, [limit("rpm", 5_000), limit("tpm", 1)]).await;
        table
            .set([(missing, None), ("b_tpm_fr", number_value(999))])
            .await;
        let state = store.read(&key()).await.unwrap().unwrap();
        assert_eq!(state.limit(&name("tpm")), None, "without {missing}");
        assert_eq!(state.begins_with(&name("tpm"), 10), 0, "without {missing}");
        assert_eq!(state.begins_with(&name("rpd"), 10), 10);
        let state = apply(&store, &update([spend("rpm", 1_000)])).await;
        assert_eq!(held(&state, "rpm"), (4_000, 1_000), "the others go on");

        // The whole limit can be added.
        let adding = update([]).with_added(limit("tpm", 10_000));
        let state = apply(&store, &adding).await;
        assert_eq!(held(&state, "tpm"), (10_000, 0), "without {missing}");
        assert_eq!(
            of(&state, "tpm").level.remainder,
            0,
            "a remainder of before"
        );
    }
}

#[tokio::test]
async fn an_item_without_later_attributes_is_a_bucket() {
    let table = Table::create().await;
    let store = table.store();
    put(&store, [limit("rpm", 5_000)]).await;
    let wcu = ["b_wcu_tk", "b_wcu_cp", "b_wcu_ra", "b_wcu_rp", "b_wcu_tc"].map(|name| (name, None));
    table.set(wcu).await;
    table
        .set([
            ("shard_count", None),
            ("lw", None),
            ("b_rpm_tc", None),
            ("cascade", None),
        ])
        .await;
    let state = store.read(&key()).await.unwrap().unwrap();
    assert_eq!(
        (state.shard_count, state.last_write, state.pressure),
        (1, None, None)
    );
    let state = apply(&store, &update([spend("rpm", 1_000)])).await;
    assert_eq!(held(&state, "rpm"), (4_000, 1_000));
}

#[tokio::test]
async fn an_invalid_value_is_an_error_and_no_panic() {
    let table = Table::create().await;
    let store = table.store();
    put(&store, [limit("rpm", 5_000)]).await;
    let sound = table.item().await.unwrap();
    let nonsense = [
        ("b_rpm_ra", number_value(0)),
        ("b_rpm_rp", number_value(0)),
        ("b_rpm_rp", number_value(-1)),
        ("b_rpm_cp", number_value(-1)),
        ("b_rpm_tk", text_value("many")),
        ("b_rpm_cp", text_value("10000")),
        ("b_rpm_tk", number_value("1.5")),
        ("b_rpm_tk", number_value("1234567890123456789012345678")),
        ("b_rpm_tk", number_value("-9223372036854775809")),
        ("b_rpm_fr", text_value("")),
        ("b_rpm_rp", number_value(i64::MAX.to_string() + "0")),
        ("b_wcu_ra", number_value(0)),
        ("b_wcu_tk", text_value("x")),
        ("rf", None),
        ("rf", text_value("yesterday")),
        ("rf", number_value("99999999999999999999999999999999999999")),
        ("ttl", number_value("9223372036854775808")),
        ("shard_count", number_value(0)),
        ("shard_count", number_value(-1)),
        ("shard_count", number_value(33)),
        ("shard_count", number_value(u32::MAX)),
        ("shard_count", number_value(1i64 << 32)),
        ("shard_count", text_value("1")),
        ("parent_id", text_value("no#name")),
    ];
    for (attribute, value) in nonsense {
        restore(&table, &sound).await;
        table.set([(attribute, value.clone())]).await;
        let error = store
            .read(&key())
            .await
            .expect_err(&format!("{attribute} {value:?}"));
        assert_eq!(
            error.kind(),
            StoreErrorKind::Corrupt,
            "{attribute} {value:?}: {error}"
        );
        // Refused updates and creates return the item too.
        let refused = store.create(&key(), &create([limit("rpm", 0)])).await;
        assert_eq!(
            refused.unwrap_err().kind(),
            StoreErrorKind::Corrupt,
            "{attribute} {value:?}"
        );
    }
}

/// A table has no numbers of more than 38 digits, but shards can make a period too long.
#[tokio::test]
async fn a_period_that_the_shards_make_too_long_is_an_error() {
    let table = Table::create().await;
    put(&table.store(), [limit("rpm", 5_000)]).await;
    table
        .set([
            ("b_rpm_rp", number_value(i64::MAX)),
            ("shard_count", number_value(2)),
        ])
        .await;
    let error = table.store().read(&key()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
}

#[tokio::test]
async fn tokens_above_the_cap_are_read_as_they_are() {
    let table = Table::create().await;
    let store = table.store();
    put(&store, [limit("rpm", 10_000)]).await;
    table.set([("b_rpm_tk", number_value(14_000))]).await;
    assert_eq!(
        held(&store.read(&key()).await.unwrap().unwrap(), "rpm").0,
        14_000
    );
}

#[tokio::test]
async fn pressure_is_charged_beside_the_limits() {
    let table = Table::create().await;
    let store = table.store();
    put(&store, [limit("rpm", 5_000)]).await;
    let spend = |change| update([spend("rpm", 1_000)]).with_pressure(change);
    let state = apply(&store, &spend(TokenChange::Add(-1_000))).await;
    assert_eq!(state.pressure.unwrap().level.tokens, 999_000);
    let state = apply(&store, &spend(TokenChange::Set(999_500))).await;
    assert_eq!(state.pressure.unwrap().level.tokens, 999_500);
    assert_eq!(
        table.item().await.unwrap().get("b_wcu_tc"),
        number_value(2_000).as_ref()
    );
    assert_eq!(state.limits().len(), 1, "it is no limit of the user's");
    refuse(&store, &spend_too_much()).await;
    assert_eq!(
        table.item().await.unwrap().get("b_wcu_tc"),
        number_value(2_000).as_ref()
    );
}

fn spend_too_much() -> Update {
    update([spend("rpm", 3_001)]).with_pressure(TokenChange::Add(-1_000))
}

async fn restore(table: &Table, item: &Item) {
    table
        .client
        .put_item()
        .table_name("limits")
        .set_item(Some(item.clone()))
        .send()
        .await
        .unwrap();
}
