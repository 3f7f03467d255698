//! The IAM policies of the guide's page "On AWS" allow exactly what each role does, and those of the
//! stack allow it.

mod document;
mod recorder;
mod stack;
mod template;

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_dynamodb::Client;
use tollgate::{
    Error, Limit, RateLimiter,
    clock::ManualClock,
    limiter::{OpenOptions, Prefetch},
    model::{AuditSubject, ConfigScope, Entity, EntityId, LimitName, NamespaceName, Resource},
    store::dynamodb::JoinOnly,
};

use tollgate_aws::StackPolicy;
use tollgate_testkit::{ErrorAnswer, Fault, Proxy};

use self::{
    document::Document,
    recorder::{Need, Recorder},
};
use crate::engine::TestEngine;

/// The name of the table on the page.
const STACK: &str = "rate-limits";

struct Account {
    engine: TestEngine,
    proxy: Proxy,
    recorder: Recorder,
    clock: ManualClock,
}

impl Account {
    async fn new() -> Self {
        let engine = TestEngine::start().await;
        let proxy = Proxy::start(engine.address()).await;
        Self {
            engine,
            proxy,
            recorder: Recorder::default(),
            clock: ManualClock::at(1_700_000_000_000),
        }
    }

    /// Creates an account with a table that another role has created.
    async fn with_table() -> Self {
        let account = Self::new().await;
        account.administrator().await;
        account
    }

    /// Opens a limiter whose calls are recorded.
    fn open(&self) -> OpenOptions {
        let config = self.engine.client().config().to_builder();
        let config = config
            .endpoint_url(self.proxy.endpoint())
            .interceptor(self.recorder.clone());
        let patient = Duration::from_secs(30);
        let settings = RateLimiter::builder()
            .clock(self.clock.clone())
            .deadline(patient)
            .store_deadline(patient);
        RateLimiter::open()
            .stack(STACK)
            .client(Client::from_conf(config.build()))
            .settings(settings)
    }

    /// Opens a limiter whose calls are not recorded.
    async fn administrator(&self) -> RateLimiter {
        RateLimiter::open()
            .stack(STACK)
            .client(self.engine.client())
            .await
            .unwrap()
    }

    /// Makes all calls that a service makes.
    async fn serve(&self, limiter: &RateLimiter, others: &RateLimiter) {
        let limits = [Limit::per_day("rpd", 1000)];
        let acquire = |limiter: &RateLimiter, cost| {
            limiter
                .acquire("user-1", "api")
                .limits(limits.clone())
                .cost("rpd", cost)
        };
        acquire(limiter, 1).await.unwrap().commit().await.unwrap();
        acquire(limiter, 10)
            .await
            .unwrap()
            .rollback()
            .await
            .unwrap();
        acquire(limiter, 1)
            .prefetch(Prefetch::new())
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        assert!(matches!(
            acquire(limiter, 1000).await,
            Err(Error::Denied(_))
        ));
        limiter
            .available("user-1", "api")
            .limits(limits.clone())
            .await
            .unwrap();
        limiter.ping().await.unwrap();
        limiter.status().await;

        // A bucket is split. A process that does not know of the split finds it, and draws from all
        // shards.
        for _ in 0..2 {
            self.clock.advance(Duration::from_secs(1));
            self.proxy.add_fault(
                Fault::answer(ErrorAnswer::hot_key())
                    .on("UpdateItem")
                    .times(6),
            );
            acquire(limiter, 1).await.unwrap().commit().await.unwrap();
        }
        acquire(others, 1).await.unwrap().commit().await.unwrap();
        acquire(others, 700).await.unwrap().commit().await.unwrap();
        let administrator = self.administrator().await;
        let buckets = administrator
            .entities()
            .buckets(&EntityId::new("user-1").unwrap())
            .all()
            .await
            .unwrap();
        assert_eq!(buckets.len(), 2, "it was split");
    }

    /// Returns the permissions that were needed.
    fn needs_just_what_the_page_says_of(&self, heading: &str) -> BTreeSet<Need> {
        let needs = self.recorder.take();
        Document::below(heading).is_just_enough_for(&needs);
        needs
    }
}

#[tokio::test]
async fn the_policy_of_a_service_that_creates_its_table_allows_exactly_its_calls() {
    let account = Account::new().await;
    let limiter = account.open().await.unwrap();
    account
        .serve(&limiter, &account.open().await.unwrap())
        .await;
    stored(&account, &limiter).await;
    account.needs_just_what_the_page_says_of("A service that creates its table");
}

#[tokio::test]
async fn the_policy_of_a_service_that_joins_a_table_allows_exactly_its_calls() {
    let account = Account::with_table().await;
    let open = || account.open().provision(JoinOnly::new());
    let limiter = open().await.unwrap();
    account.serve(&limiter, &open().await.unwrap()).await;
    stored(&account, &limiter).await;
    let needs = account.needs_just_what_the_page_says_of("A service that joins a table");
    stack::allows(StackPolicy::AcquireOnly, &needs);
    stack::allows_in_its_namespace(StackPolicy::NamespaceAcquire, &needs);
    stack::allows_in_its_namespace(StackPolicy::NamespaceFullAccess, &needs);
}

/// Acquires by limits that an administrator has stored, for an entity that cascades: in two writes
/// and in one transaction.
async fn stored(account: &Account, limiter: &RateLimiter) {
    let administrator = account.administrator().await;
    let (key, project) = (
        EntityId::new("key-1").unwrap(),
        EntityId::new("project-1").unwrap(),
    );
    administrator
        .entities()
        .create(Entity::new(key).with_parent(project).cascading())
        .await
        .unwrap();
    administrator
        .config()
        .set(ConfigScope::system(), [Limit::per_minute("rpm", 100)])
        .await
        .unwrap();
    limiter
        .acquire("key-1", "stored")
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    limiter
        .acquire("key-1", "stored")
        .in_one_transaction()
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    limiter.available("key-1", "stored").await.unwrap();
}

#[tokio::test]
async fn the_policy_of_an_administrator_allows_exactly_its_calls() {
    let account = Account::with_table().await;
    let limiter = account.open().provision(JoinOnly::new()).await.unwrap();
    let (config, entities) = (limiter.config(), limiter.entities());
    let (user, resource) = (
        EntityId::new("user-1").unwrap(),
        Resource::new("api").unwrap(),
    );
    let parent = EntityId::new("project-1").unwrap();
    let limit = || [Limit::per_minute("rpm", 100)];

    entities.create(Entity::new(parent.clone())).await.unwrap();
    entities
        .create(
            Entity::new(user.clone())
                .with_parent(parent.clone())
                .cascading(),
        )
        .await
        .unwrap();
    entities.get(&user).await.unwrap();
    entities.children(&parent).all().await.unwrap();
    let scopes = [
        ConfigScope::system(),
        ConfigScope::Resource(resource.clone()),
        ConfigScope::Entity(user.clone()),
        ConfigScope::EntityResource(user.clone(), resource.clone()),
    ];
    for scope in &scopes {
        config.set(scope.clone(), limit()).await.unwrap();
        config.get(scope).await.unwrap();
    }
    limiter
        .acquire("user-1", "api")
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    config
        .set(scopes[3].clone(), [Limit::per_minute("rpm", 50)])
        .await
        .unwrap();
    config.resources().await.unwrap();
    config.resources_with_entity_limits().await.unwrap();
    config
        .entities_with_limits(Some(resource.clone()))
        .all()
        .await
        .unwrap();
    for scope in &scopes {
        config.delete(scope).await.unwrap();
    }
    entities.buckets(&user).all().await.unwrap();

    limiter
        .audit()
        .events(&AuditSubject::System)
        .all()
        .await
        .unwrap();
    let usage = limiter.usage();
    usage.of_entity(user.clone()).summary().await.unwrap();
    usage.of_resource(resource.clone()).summary().await.unwrap();
    usage
        .resource_capacity(&resource, &LimitName::new("rpm").unwrap())
        .await
        .unwrap();
    entities.delete(&user).await.unwrap();

    let namespaces = limiter.namespaces();
    let name = NamespaceName::new("tenant").unwrap();
    namespaces.register(&name).await.unwrap();
    let tenant = limiter.namespace("tenant").await.unwrap();
    tenant
        .acquire("a", "b")
        .limits(limit())
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    namespaces.list().all().await.unwrap();
    let id = namespaces.delete(&name).await.unwrap().id;
    namespaces.orphans().all().await.unwrap();
    namespaces.recover(&id).await.unwrap();
    namespaces.delete(&name).await.unwrap();
    namespaces.purge(&id).await.unwrap();
    limiter.status().await;
    let needs = account.needs_just_what_the_page_says_of("An administrator");
    stack::allows(StackPolicy::FullAccess, &needs);
}
