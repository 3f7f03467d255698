//! The place of a test in the table, and what it made there.

use std::process;

use aws_sdk_dynamodb::{Client, config::Builder};
use tollgate::{
    EntityId, RateLimiter,
    model::{Entity, NamespaceInfo, NamespaceName},
    store::dynamodb::JoinOnly,
};
use tollgate_loadtest::targets::Keys;

use super::{
    target::{AnyTarget, TargetArguments},
    write_units::WriteUnits,
};
use crate::{
    change::change, connect::DEADLINE, context::Context, failure::Failure, sdk_config, time,
};

/// The target of a test, and what the test made for it.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) target: AnyTarget,
    /// The namespace that the processes of the test join. `None` for a URL.
    pub(super) namespace: Option<NamespaceName>,
    /// The namespace, if the test made it.
    pub(super) made: Option<NamespaceInfo>,
    /// The beginning of the names of the keys.
    pub(super) prefix: String,
    /// The entities that belong to the test, in a namespace that is not its own.
    pub(super) entities: Vec<EntityId>,
    pub(super) limiter: Option<RateLimiter>,
    pub(super) units: WriteUnits,
}

impl Setup {
    /// Makes what the test needs: a namespace of its own if none is named, and the entities of a
    /// cascade.
    pub(super) async fn prepare(
        context: &Context,
        arguments: &TargetArguments,
    ) -> Result<Self, Failure> {
        if arguments.has_url() {
            return Self::of_url(arguments);
        }
        let name = format!("loadtest-{}-{}", time::now(), process::id());
        let given = context.options.given_namespace().cloned();
        let (namespace, made) = match given {
            Some(namespace) => {
                // Its failure names what is missing.
                context.open().await?.shutdown().await;
                (namespace, None)
            }
            None => {
                let namespaces = context.open_registry().await?.namespaces();
                let namespace: NamespaceName = name.parse()?;
                let made = change(namespaces.register(&namespace)).await?;
                (namespace, Some(made))
            }
        };
        let prefix = match arguments.entity() {
            Some(entity) => entity.to_string(),
            None => name,
        };
        let mut setup = Self::join(context, arguments, namespace, made.is_some(), &prefix).await?;
        setup.made = made;
        let keys = arguments.keys(&prefix);
        let is_named = arguments.entity().is_some();
        if setup.made.is_none() && !is_named {
            setup.entities = ids(&keys)?;
        }
        if arguments.cascades() {
            let parent = format!("{prefix}-parent").parse::<EntityId>()?;
            let made = setup.make_children(&parent, &keys).await;
            setup.entities.push(parent);
            if let Err(failure) = made {
                return Err(failure.after(setup.clean_up(context, false).await));
            }
        }
        Ok(setup)
    }

    /// Joins a namespace that another process of the test has prepared.
    pub(super) async fn join(
        context: &Context,
        arguments: &TargetArguments,
        namespace: NamespaceName,
        own: bool,
        prefix: &str,
    ) -> Result<Self, Failure> {
        let units = WriteUnits::default();
        let config = sdk_config::load(&context.options, DEADLINE).await?;
        let client = Builder::from(&config).interceptor(units.clone()).build();
        // With the settings that a service has.
        let limiter = RateLimiter::open()
            .stack(context.options.stack()?)
            .namespace(namespace.clone())
            .client(Client::from_conf(client))
            .provision(JoinOnly::new())
            .deadline(DEADLINE)
            .await?;
        let keys = arguments.keys(prefix);
        let target = arguments.limiter(limiter.clone(), keys, own)?;
        Ok(Self {
            target: AnyTarget::Limiter(target),
            namespace: Some(namespace),
            made: None,
            prefix: prefix.to_owned(),
            entities: Vec::new(),
            limiter: Some(limiter),
            units,
        })
    }

    /// Returns the target of a URL. Nothing is made.
    pub(super) fn of_url(arguments: &TargetArguments) -> Result<Self, Failure> {
        let prefix = arguments.entity().map_or("key", EntityId::as_str);
        let target = arguments.http(&arguments.keys(prefix))?;
        Ok(Self {
            target: AnyTarget::Http(Box::new(target)),
            namespace: None,
            made: None,
            prefix: prefix.to_owned(),
            entities: Vec::new(),
            limiter: None,
            units: WriteUnits::default(),
        })
    }

    async fn make_children(&self, parent: &EntityId, keys: &Keys) -> Result<(), Failure> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        let entities = limiter.entities();
        change(entities.ensure(Entity::new(parent.clone()))).await?;
        for key in ids(keys)? {
            let child = Entity::new(key).with_parent(parent.clone()).cascading();
            change(entities.ensure(child)).await?;
        }
        Ok(())
    }
}

fn ids(keys: &Keys) -> Result<Vec<EntityId>, Failure> {
    let ids = keys.all().map(|key| key.parse::<EntityId>());
    Ok(ids.collect::<Result<_, _>>()?)
}
