//! Opening, and calls for stored records, if the table does not answer, is not ready, or was not
//! made by this crate.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
        KeyType, Projection, ProjectionType, ScalarAttributeType,
    },
};
use serde_json::json;
use tokio::{net::TcpListener, time::timeout};
use tollgate::{
    EntityId, Error, Limit, RateLimiter, Resource,
    error::{ErrorCategory, StackError, Unavailable},
    model::{AuditSubject, ConfigScope, Entity, NamespaceName},
    store::dynamodb::JoinOnly,
};
use tollgate_testkit::{ErrorAnswer, Fault, Proxy};

use crate::{engine::TestEngine, events::Events};

const STACK: &str = "rate-limits";

/// A time that is longer than any call here takes, unless it hangs.
const NEVER: Duration = Duration::from_secs(60);

fn stack_error(error: Error) -> StackError {
    match error {
        Error::Stack(error) => error,
        error => panic!("{error:?}"),
    }
}

/// A listener accepts the connection and never answers.
#[tokio::test]
async fn opening_ends_at_an_endpoint_that_never_answers() {
    let events = Events::collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let silent = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    let proxy = Proxy::start(address).await;
    let config = proxy
        .dynamodb_config()
        .endpoint_url(format!("http://{address}"))
        .build();
    let deadline = Duration::from_millis(1200);
    let open = RateLimiter::open()
        .stack(STACK)
        .client(Client::from_conf(config))
        .deadline(deadline);
    let error = timeout(NEVER, open).await.expect("it ends").unwrap_err();
    assert_eq!(error.category(), ErrorCategory::Infrastructure);
    let text = error.to_string();
    assert!(
        text.contains(STACK) && text.contains("1.2 s") && text.lines().count() == 1,
        "{text}"
    );
    assert!(matches!(stack_error(error), StackError::Deadline { .. }));
    assert!(
        events.text().contains("opening still waiting"),
        "{}",
        events.text()
    );
    silent.abort();
}

/// One call at a time gets no answer, each call in turn.
#[tokio::test]
async fn every_step_of_opening_has_the_deadline() {
    for operation in [
        "GetItem",
        "CreateTable",
        "DescribeTable",
        "UpdateTimeToLive",
        "PutItem",
        "TransactWriteItems",
    ] {
        let engine = TestEngine::start().await;
        let proxy = Proxy::start(engine.address()).await;
        proxy.set_fault(Fault::black_hole().on(operation));
        let open = RateLimiter::open()
            .stack(STACK)
            .client(engine.through(&proxy))
            .deadline(Duration::from_millis(500));
        let error = timeout(NEVER, open).await.expect("it ends").unwrap_err();
        assert!(
            matches!(stack_error(error), StackError::Deadline { .. }),
            "{operation}"
        );
    }
}

/// Calls for stored records have deadlines too.
#[tokio::test]
async fn every_call_for_stored_records_has_a_deadline() {
    let engine = TestEngine::start().await;
    let proxy = Proxy::start(engine.address()).await;
    let deadline = Duration::from_millis(100);
    let settings = RateLimiter::builder()
        .call_deadline(deadline)
        .store_deadline(deadline);
    let limiter = RateLimiter::open()
        .stack(STACK)
        .client(engine.through(&proxy))
        .settings(settings)
        .await
        .unwrap();
    let (user, api) = (
        EntityId::new("user-1").unwrap(),
        Resource::new("api").unwrap(),
    );
    let scope = ConfigScope::entity_resource("user-1", "api").unwrap();
    limiter
        .entities()
        .create(Entity::new(user.clone()))
        .await
        .unwrap();
    limiter
        .config()
        .set(scope.clone(), [Limit::per_minute("rpm", 5)])
        .await
        .unwrap();
    let tenant = NamespaceName::new("tenant").unwrap();
    let info = limiter.namespaces().register(&tenant).await.unwrap();

    proxy.set_fault(Fault::black_hole());
    let unavailable = |what: &str, error: Error| {
        assert!(matches!(error, Error::Unavailable(_)), "{what}: {error:?}")
    };
    macro_rules! all_end {
        ($($call:expr),+ $(,)?) => {
            $(match timeout(NEVER, async { $call.await }).await.expect(stringify!($call)) {
                Ok(_) => panic!("{} was answered", stringify!($call)),
                Err(error) => unavailable(stringify!($call), error),
            })+
        };
    }
    let (config, entities, namespaces) =
        (limiter.config(), limiter.entities(), limiter.namespaces());
    all_end!(
        config.set(ConfigScope::System, [Limit::per_minute("rpm", 5)]),
        config.get(&scope),
        config.delete(&ConfigScope::System),
        config.delete(&scope),
        config.resources(),
        config.resources_with_entity_limits(),
        config.entities_with_limits(None).all(),
        config.resolve("user-1", "other"),
        entities.create(Entity::new(user.clone())),
        entities.ensure(Entity::new(user.clone())),
        entities.get(&user),
        entities.delete(&user),
        entities.children(&user).all(),
        entities.buckets(&user).all(),
        namespaces.register(&tenant),
        namespaces.get(&tenant),
        namespaces.list().all(),
        namespaces.orphans().all(),
        namespaces.delete(&tenant),
        namespaces.recover(&info.id),
        namespaces.purge(&info.id),
        limiter.namespace("tenant"),
        limiter.audit().events(&AuditSubject::System).all(),
        limiter.usage().buckets(&api).all(),
        limiter.ping(),
    );
}

/// The table is being deleted. Its status is logged, and it is created again.
#[tokio::test]
async fn a_table_that_is_being_deleted_is_made_anew() {
    let events = Events::collect();
    let engine = TestEngine::start().await;
    let proxy = Proxy::start(engine.address()).await;
    proxy.add_fault(
        Fault::answer(ErrorAnswer::other(400, "ResourceInUseException"))
            .on("CreateTable")
            .once(),
    );
    proxy.add_fault(
        Fault::answer(described("DELETING"))
            .on("DescribeTable")
            .times(2),
    );
    let limiter = RateLimiter::open()
        .stack(STACK)
        .client(engine.through(&proxy))
        .await
        .unwrap();
    limiter
        .acquire("user-1", "api")
        .limits(Limit::per_minute("rpm", 5))
        .await
        .unwrap()
        .commit();
    let text = events.text();
    assert!(
        text.contains("table not ready") && text.contains("DELETING"),
        "{text}"
    );
}

/// A status that does not change without help.
#[tokio::test]
async fn an_unusable_table_is_reported_with_its_status() {
    let engine = TestEngine::start().await;
    let proxy = Proxy::start(engine.address()).await;
    proxy.add_fault(
        Fault::answer(ErrorAnswer::other(400, "ResourceInUseException"))
            .on("CreateTable")
            .once(),
    );
    proxy.add_fault(
        Fault::answer(described("INACCESSIBLE_ENCRYPTION_CREDENTIALS")).on("DescribeTable"),
    );
    let open = RateLimiter::open()
        .stack(STACK)
        .client(engine.through(&proxy));
    let error = timeout(NEVER, open).await.expect("it ends").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("INACCESSIBLE_ENCRYPTION_CREDENTIALS"),
        "{error}"
    );
    assert!(matches!(stack_error(error), StackError::NotReady { .. }));
}

fn described(status: &str) -> ErrorAnswer {
    ErrorAnswer::raw(
        200,
        json!({ "Table": { "TableName": STACK, "TableStatus": status } }),
    )
}

/// Creates a table with these keys and indexes.
async fn table(client: &Client, keys: (&str, &str), indexes: &[(&str, &str, &str)]) {
    let schema = |hash: &str, range: &str| {
        let key = |name: &str, kind| {
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(kind)
                .build()
                .unwrap()
        };
        vec![key(hash, KeyType::Hash), key(range, KeyType::Range)]
    };
    let names = [keys.0, keys.1]
        .into_iter()
        .chain(indexes.iter().flat_map(|(_, hash, range)| [*hash, *range]));
    let definitions = names.map(|name| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .unwrap()
    });
    let indexes: Vec<_> = indexes
        .iter()
        .map(|(name, hash, range)| {
            GlobalSecondaryIndex::builder()
                .index_name(*name)
                .set_key_schema(Some(schema(hash, range)))
                .projection(
                    Projection::builder()
                        .projection_type(ProjectionType::All)
                        .build(),
                )
                .build()
                .unwrap()
        })
        .collect();
    client
        .create_table()
        .table_name(STACK)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(schema(keys.0, keys.1)))
        .set_attribute_definitions(Some(definitions.collect()))
        .set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes))
        .send()
        .await
        .unwrap();
}

/// The table was created by somebody else for another purpose.
#[tokio::test]
async fn a_table_that_is_not_ours_is_refused_and_left_alone() {
    let ours = [
        ("GSI1", "GSI1PK", "GSI1SK"),
        ("GSI2", "GSI2PK", "GSI2SK"),
        ("GSI3", "GSI3PK", "GSI3SK"),
    ];
    let fourth = |hash, range| [&ours[..], &[("GSI4", hash, range)]].concat();
    for (keys, indexes, problem) in [
        (
            ("id", "at"),
            vec![],
            "its keys are id, at instead of PK, SK",
        ),
        (
            ("pk", "sk"),
            vec![],
            "its keys are pk, sk instead of PK, SK",
        ),
        (("PK", "SK"), vec![], "it has no index GSI1"),
        (("PK", "SK"), ours.to_vec(), "it has no index GSI4"),
        (
            ("PK", "SK"),
            fourth("a", "b"),
            "index GSI4: its keys are a, b instead of GSI4PK, GSI4SK",
        ),
    ] {
        let engine = TestEngine::start().await;
        table(&engine.client(), keys, &indexes).await;
        for join_only in [false, true] {
            let open = RateLimiter::open().stack(STACK).client(engine.client());
            let open = if join_only {
                open.provision(JoinOnly::new())
            } else {
                open
            };
            let error = open.await.unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains("was not created by tollgate") && text.contains(problem),
                "{text}"
            );
            assert!(matches!(stack_error(error), StackError::NotOurs { .. }));
        }
        let items = engine
            .client()
            .scan()
            .table_name(STACK)
            .send()
            .await
            .unwrap();
        assert_eq!(items.count(), 0, "nothing was written");
    }
    // A table with all the indexes, and one more, is accepted.
    let engine = TestEngine::start().await;
    table(&engine.client(), ("PK", "SK"), &fourth("GSI4PK", "GSI4SK")).await;
    RateLimiter::open()
        .stack(STACK)
        .client(engine.client())
        .await
        .unwrap();
}

/// A table of ours that was restored from a backup without its indexes opens. A listing that needs
/// an index names it.
#[tokio::test]
async fn a_table_without_its_indexes_is_reported_by_the_first_listing() {
    let engine = TestEngine::start().await;
    let client = engine.client();
    table(&client, ("PK", "SK"), &[]).await;
    let ours = TestEngine::start().await;
    RateLimiter::open()
        .stack(STACK)
        .client(ours.client())
        .await
        .unwrap();
    let items = ours
        .client()
        .scan()
        .table_name(STACK)
        .send()
        .await
        .unwrap()
        .items
        .unwrap();
    for item in items {
        client
            .put_item()
            .table_name(STACK)
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
    }
    let limiter = RateLimiter::open()
        .stack(STACK)
        .client(client)
        .await
        .unwrap();
    let user = EntityId::new("user-1").unwrap();
    for (error, index) in [
        (
            limiter.entities().children(&user).all().await.unwrap_err(),
            "GSI1",
        ),
        (
            limiter.entities().buckets(&user).all().await.unwrap_err(),
            "GSI3",
        ),
        (
            limiter
                .config()
                .entities_with_limits(None)
                .all()
                .await
                .unwrap_err(),
            "GSI3",
        ),
        (
            limiter
                .usage()
                .buckets(&Resource::new("api").unwrap())
                .all()
                .await
                .unwrap_err(),
            "GSI2",
        ),
    ] {
        let text = error.to_string();
        assert!(
            text.contains(&format!("table {STACK} has no index {index}")),
            "{text}"
        );
        assert_eq!(
            (error.code(), error.category()),
            (Some("TG110"), ErrorCategory::Infrastructure),
            "{text}"
        );
    }
}

/// An invalid record of a namespace is refused, because it would open something else.
#[tokio::test]
async fn a_namespace_record_that_makes_no_sense_is_refused_by_name() {
    let engine = TestEngine::start().await;
    let client = engine.client();
    let open = || {
        RateLimiter::open()
            .stack(STACK)
            .namespace("tenant-1")
            .client(client.clone())
    };
    let limiter = open().await.unwrap();
    let sound = engine
        .item(STACK, "_/SYSTEM#", "#NAMESPACE#tenant-1")
        .await
        .unwrap();
    for (attribute, value) in [
        ("namespace_id", "_"),
        ("namespace_id", "../x#"),
        ("namespace_id", ""),
        ("namespace_id", "-bcdefghijk"),
        ("namespace_id", "abcdefghijk/"),
        ("namespace_id", "abcde/ghijk"),
        ("namespace_name", "tenant-2"),
        ("status", "deleted"),
        ("status", "purging"),
    ] {
        let mut record: HashMap<_, _> = sound.clone();
        record.insert(attribute.into(), AttributeValue::S(value.into()));
        client
            .put_item()
            .table_name(STACK)
            .set_item(Some(record))
            .send()
            .await
            .unwrap();
        let error = open().await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("tenant-1") || attribute == "namespace_id",
            "{attribute} {value}: {text}"
        );
        assert!(
            matches!(stack_error(error), StackError::Call { .. }),
            "{attribute} {value}"
        );
        let error = limiter.namespace("tenant-1").await.unwrap_err();
        assert!(
            matches!(error, Error::Unavailable(Unavailable::Store(_))),
            "{attribute} {value}: {error:?}"
        );
    }
    client
        .put_item()
        .table_name(STACK)
        .set_item(Some(sound))
        .send()
        .await
        .unwrap();
    open().await.unwrap();
}
