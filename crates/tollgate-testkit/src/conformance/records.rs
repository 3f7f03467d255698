//! Stored limits and entities, of a store that has records.

use std::time::{Duration, SystemTime};

use tollgate::{
    Limit, Resource,
    model::{BucketKey, ConfigScope, Entity, EntityId, StoredConfig},
    store::{LookUp, ReadConsistency, Records, ResourceListing, Store},
};

use super::{
    trial::trials,
    writes::{create, key, limit, put},
};

trials! {
    a_config_is_found_replaced_and_deleted
    a_look_up_answers_in_the_order_of_its_scopes
    resources_with_limits_are_listed
    an_entity_is_created_once
    a_deleted_entity_takes_its_buckets_along
}

fn user() -> EntityId {
    "user-1".try_into().unwrap()
}

fn rpm(amount: u64) -> StoredConfig {
    Limit::per_minute("rpm", amount).into()
}

async fn look_up(
    records: &dyn Records,
    scopes: &[ConfigScope],
    shard: Option<&BucketKey>,
) -> LookUp {
    records
        .look_up(Some(&user()), scopes, shard, ReadConsistency::Strong)
        .await
        .unwrap()
}

async fn a_config_is_found_replaced_and_deleted(store: &dyn Store) {
    let Some(records) = store.records() else {
        return;
    };
    let scope = ConfigScope::entity_resource("user-1", "api").unwrap();
    for amount in [10, 20] {
        records.put_config(&scope, &rpm(amount)).await.unwrap();
        let found = look_up(records, std::slice::from_ref(&scope), None).await;
        assert_eq!(found.configs, [Some(rpm(amount))]);
    }
    assert!(records.delete_config(&scope).await.unwrap());
    assert!(!records.delete_config(&scope).await.unwrap());
    assert_eq!(look_up(records, &[scope], None).await.configs, [None]);
}

async fn a_look_up_answers_in_the_order_of_its_scopes(store: &dyn Store) {
    let Some(records) = store.records() else {
        return;
    };
    let bucket = put(store, [limit("rpm", 5_000)]).await;
    let [own, everywhere, resource, system] = ConfigScope::levels(&user(), &key().resource);
    records.put_config(&everywhere, &rpm(2)).await.unwrap();
    records.put_config(&system, &rpm(4)).await.unwrap();
    let found = look_up(records, &[system, own, everywhere, resource], Some(&key())).await;
    assert_eq!(found.configs, [Some(rpm(4)), None, Some(rpm(2)), None]);
    assert_eq!((found.entity, found.shard), (None, Some(bucket)));
}

async fn resources_with_limits_are_listed(store: &dyn Store) {
    let Some(records) = store.records() else {
        return;
    };
    for resource in ["web", "api"] {
        records
            .put_config(&ConfigScope::resource(resource).unwrap(), &rpm(1))
            .await
            .unwrap();
    }
    records
        .put_config(
            &ConfigScope::entity_resource("user-1", "files").unwrap(),
            &rpm(1),
        )
        .await
        .unwrap();
    let names = async |listing| -> Vec<String> {
        let resources = records.list_resources(listing).await.unwrap();
        resources.iter().map(Resource::to_string).collect()
    };
    assert_eq!(names(ResourceListing::WithDefaults).await, ["api", "web"]);
    assert_eq!(names(ResourceListing::WithEntityLimits).await, ["files"]);
}

async fn an_entity_is_created_once(store: &dyn Store) {
    let Some(records) = store.records() else {
        return;
    };
    assert_eq!(look_up(records, &[], None).await.entity, None);
    let mut entity = Entity::new(user())
        .with_parent("org".try_into().unwrap())
        .cascading()
        .with_metadata("plan", "pro");
    entity.created_at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    assert!(records.create_entity(&entity).await.unwrap());
    assert!(!records.create_entity(&Entity::new(user())).await.unwrap());
    let found = look_up(records, &[], None).await.entity.unwrap();
    // A store may say which creation it was.
    entity.incarnation.clone_from(&found.incarnation);
    assert_eq!(found, entity);
}

async fn a_deleted_entity_takes_its_buckets_along(store: &dyn Store) {
    let Some(records) = store.records() else {
        return;
    };
    records.create_entity(&Entity::new(user())).await.unwrap();
    put(store, [limit("rpm", 5_000)]).await;
    let other = BucketKey::new("user-2".try_into().unwrap(), key().resource);
    store
        .create(&other, &create([limit("rpm", 5_000)]))
        .await
        .unwrap();
    assert!(records.delete_entity(&user()).await.unwrap() >= 2);
    assert_eq!(
        look_up(records, &[], Some(&key())).await,
        LookUp::new(None, Vec::new())
    );
    assert!(store.read(&other).await.unwrap().is_some());
}
