//! Namespaces: separate from each other, deleted, recovered, purged.

use tollgate::{
    Error, RateLimiter,
    clock::ManualClock,
    error::NamespaceError,
    model::{ConfigScope, Entity, NamespaceId, NamespaceName, NamespaceStatus},
};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::fixture::{START, Table, at, entity, renamed, resource, rpm};

fn name(name: &str) -> NamespaceName {
    NamespaceName::new(name).unwrap()
}

/// Returns a table and a limiter of its default namespace.
async fn open() -> (Table, RateLimiter) {
    let table = Table::create().await;
    let limiter = table.limiter(&ManualClock::at(START)).await;
    (table, limiter)
}

/// Creates every kind of record that a namespace can have.
async fn fill(limiter: &RateLimiter, rows: usize) {
    limiter
        .config()
        .set(ConfigScope::System, rpm(10))
        .await
        .unwrap();
    limiter
        .config()
        .set(ConfigScope::Resource(resource("api")), rpm(10))
        .await
        .unwrap();
    for row in 0..rows {
        let id = entity(&format!("key-{row}"));
        limiter
            .entities()
            .create(Entity::new(id.clone()).with_parent(entity("project")))
            .await
            .unwrap();
        limiter
            .config()
            .set(ConfigScope::Entity(id.clone()), rpm(10))
            .await
            .unwrap();
        limiter.acquire(&id, "api").await.unwrap().commit();
    }
    limiter.shutdown().await;
}

/// Returns the number of items of the namespace.
async fn items(table: &Table, id: &str) -> usize {
    let query = table
        .engine
        .client()
        .query()
        .table_name("limits")
        .index_name("GSI4")
        .key_condition_expression("GSI4PK = :id")
        .expression_attribute_values(
            ":id",
            aws_sdk_dynamodb::types::AttributeValue::S(id.to_owned()),
        );
    query.send().await.unwrap().count() as usize
}

#[tokio::test]
async fn a_namespace_can_neither_read_nor_charge_another() {
    let (_table, limiter) = open().await;
    limiter
        .namespaces()
        .register_all([name("red"), name("blue")])
        .await
        .unwrap();
    let (red, blue) = (
        limiter.namespace("red").await.unwrap(),
        limiter.namespace("blue").await.unwrap(),
    );
    red.config().set(ConfigScope::System, rpm(3)).await.unwrap();
    blue.config()
        .set(ConfigScope::System, rpm(5))
        .await
        .unwrap();
    red.entities()
        .create(
            Entity::new(entity("key"))
                .with_parent(entity("project"))
                .cascading(),
        )
        .await
        .unwrap();
    red.acquire("key", "api")
        .cost("rpm", 3)
        .await
        .unwrap()
        .commit();

    let available = blue.available("key", "api").await.unwrap();
    assert_eq!(available.limits.len(), 1, "no parent there");
    assert_eq!(available.get("rpm").unwrap().available, 5);
    assert_eq!(blue.entities().get(&entity("key")).await.unwrap(), None);
    assert!(
        blue.entities()
            .children(&entity("project"))
            .all()
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        blue.entities()
            .buckets(&entity("key"))
            .all()
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(blue.entities().delete(&entity("key")).await.unwrap(), 0);
    assert_eq!(
        red.available("key", "api")
            .await
            .unwrap()
            .get("rpm")
            .unwrap()
            .available,
        0
    );
    assert!(
        limiter.acquire("key", "api").await.is_err(),
        "nothing is stored in the default namespace"
    );
}

#[tokio::test]
async fn a_namespace_is_registered_once() {
    let (_table, limiter) = open().await;
    let one = limiter.namespaces().register(&name("red")).await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let namespaces = limiter.namespaces();
            tokio::spawn(async move { namespaces.register(&name("blue")).await.unwrap().id })
        })
        .collect();
    let mut ids = Vec::new();
    for task in tasks {
        ids.push(task.await.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(
        limiter
            .namespaces()
            .register(&name("red"))
            .await
            .unwrap()
            .id,
        one.id
    );
    let mut listed: Vec<_> = limiter
        .namespaces()
        .list()
        .all()
        .await
        .unwrap()
        .into_iter()
        .map(|info| info.name)
        .collect();
    listed.sort();
    assert_eq!(listed, ["blue", "default", "red"]);
    assert_eq!(
        limiter
            .namespaces()
            .get(&name("red"))
            .await
            .unwrap()
            .unwrap()
            .id,
        one.id
    );
    let error = limiter.namespace("green").await.unwrap_err();
    assert!(
        matches!(error, Error::Namespace(NamespaceError::NotFound(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_deleted_namespace_can_be_recovered() {
    let (_table, limiter) = open().await;
    let namespaces = limiter.namespaces();
    let info = namespaces.register(&name("red")).await.unwrap();
    fill(&limiter.namespace("red").await.unwrap(), 2).await;

    let deleted = namespaces.delete(&name("red")).await.unwrap();
    assert_eq!(
        (deleted.status, deleted.deleted_at),
        (NamespaceStatus::Deleted, Some(at(START / 1000)))
    );
    assert!(matches!(
        namespaces.delete(&name("red")).await.unwrap_err(),
        Error::Namespace(NamespaceError::NotFound(_))
    ));
    assert!(limiter.namespace("red").await.is_err());
    assert_eq!(namespaces.orphans().all().await.unwrap(), [deleted]);

    assert_eq!(namespaces.recover(&info.id).await.unwrap(), info);
    assert!(matches!(
        namespaces.recover(&info.id).await.unwrap_err(),
        Error::Namespace(NamespaceError::Status {
            status: NamespaceStatus::Active,
            ..
        })
    ));
    let red = limiter.namespace("red").await.unwrap();
    assert_eq!(
        red.available("key-0", "api")
            .await
            .unwrap()
            .get("rpm")
            .unwrap()
            .available,
        9
    );

    // The name is registered by somebody else meanwhile.
    namespaces.delete(&name("red")).await.unwrap();
    namespaces.register(&name("red")).await.unwrap();
    assert!(matches!(
        namespaces.recover(&info.id).await.unwrap_err(),
        Error::Namespace(NamespaceError::NameTaken(_))
    ));
    assert!(matches!(
        namespaces
            .recover(&NamespaceId::new("nothing"))
            .await
            .unwrap_err(),
        Error::Namespace(NamespaceError::NotFound(_))
    ));
}

#[tokio::test]
async fn an_interrupted_purge_is_taken_up_and_touches_no_other_namespace() {
    let (table, limiter) = open().await;
    let namespaces = limiter.namespaces();
    let (red, blue) = (
        namespaces.register(&name("red")).await.unwrap(),
        namespaces.register(&name("blue")).await.unwrap(),
    );
    for tenant in ["red", "blue"] {
        fill(&limiter.namespace(tenant).await.unwrap(), 20).await;
    }
    let before = items(&table, blue.id.as_str()).await;
    assert!(before > 80, "{before}");
    assert!(matches!(
        namespaces.purge(&red.id).await.unwrap_err(),
        Error::Namespace(NamespaceError::Status {
            status: NamespaceStatus::Active,
            ..
        })
    ));

    namespaces.delete(&name("red")).await.unwrap();
    // The purge is interrupted at each of its calls in turn.
    for operation in ["UpdateItem", "Query", "BatchWriteItem", "DeleteItem"] {
        let error = ErrorAnswer::throttling();
        table
            .proxy
            .set_fault(Fault::answer(error).on(operation).once());
        let result = namespaces.purge(&red.id).await;
        assert!(result.is_err(), "{operation}: {result:?}");
        let orphans = namespaces.orphans().all().await.unwrap();
        assert_eq!(orphans.len(), 1, "{operation}");
    }
    assert!(matches!(
        namespaces.recover(&red.id).await.unwrap_err(),
        Error::Namespace(NamespaceError::Status {
            status: NamespaceStatus::Purging,
            ..
        })
    ));
    namespaces.purge(&red.id).await.unwrap();
    assert_eq!(items(&table, red.id.as_str()).await, 0);
    assert!(namespaces.orphans().all().await.unwrap().is_empty());
    assert_eq!(namespaces.purge(&red.id).await.unwrap(), 0);
    assert_eq!(items(&table, blue.id.as_str()).await, before);
}

/// A purge stops after each of its calls in turn, whether or not the call was executed.
#[tokio::test]
async fn a_purge_may_be_interrupted_anywhere() {
    let (table, limiter) = open().await;
    let namespaces = limiter.namespaces();
    let blue = namespaces.register(&name("blue")).await.unwrap();
    fill(&limiter.namespace("blue").await.unwrap(), 12).await;
    let kept = table.items(blue.id.as_str()).await;
    assert!(kept.len() > 50, "more than two batches: {}", kept.len());

    let denied = || Fault::answer(ErrorAnswer::throttling());
    for (kind, fault) in [denied, Fault::lose_response].into_iter().enumerate() {
        let mut stopped_after = 0;
        loop {
            let red = namespaces
                .register(&name(&format!("red-{kind}-{stopped_after}")))
                .await
                .unwrap();
            table
                .put_all(
                    kept.iter()
                        .map(|item| renamed(item, blue.id.as_str(), red.id.as_str()))
                        .collect(),
                )
                .await;
            namespaces.delete(&name(&red.name)).await.unwrap();

            table.proxy.clear_faults();
            table
                .proxy
                .add_fault(Fault::delay(std::time::Duration::ZERO).times(stopped_after));
            table.proxy.add_fault(fault());
            let stopped = namespaces.purge(&red.id).await.is_err();
            table.proxy.clear_faults();

            let left = table.items(red.id.as_str()).await.len() as u64;
            assert_eq!(
                namespaces.purge(&red.id).await.unwrap(),
                left,
                "after {stopped_after} calls"
            );
            assert!(table.items(red.id.as_str()).await.is_empty());
            assert!(namespaces.orphans().all().await.unwrap().is_empty());
            if !stopped {
                break;
            }
            stopped_after += 1;
        }
        // The namespace is looked up and marked; its items are listed, and deleted in three
        // batches; then they are listed again, and the namespace is removed.
        assert_eq!(stopped_after, 8);
    }
    let mut still = table.items(blue.id.as_str()).await;
    let order = |item: &super::fixture::Item| {
        (
            item["PK"].as_s().unwrap().clone(),
            item["SK"].as_s().unwrap().clone(),
        )
    };
    let mut kept = kept;
    still.sort_by_key(order);
    kept.sort_by_key(order);
    assert_eq!(still.len(), kept.len());
    for (still, kept) in still.iter().zip(&kept) {
        assert_eq!(still, kept);
    }
}
