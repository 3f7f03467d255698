//! The entity that is limited, and the resource that it uses.

use std::{any::TypeId, sync::Arc};

use super::{InvalidPolicy, Policy, PolicyBuilder, exempt::ExemptRules};
use crate::{
    error::Invalid,
    layer::{Key, KeyExtractor, keys::PeerIp},
    model::{EntityId, Resource},
};

/// The rules for the entity and the resource of a request, and the action if a key is missing.
pub(crate) struct Subject {
    pub(crate) entity: Arc<dyn KeyExtractor>,
    /// `true` if `entity` is [`PeerIp`](crate::layer::keys::PeerIp). Then the address is read without a call through
    /// `dyn`.
    pub(crate) is_peer: bool,
    pub(crate) resource: Arc<dyn KeyExtractor>,
    /// The resource, if it is the same for all requests.
    pub(crate) fixed_resource: Option<Resource>,
    pub(crate) on_missing_key: OnMissingKey,
    pub(crate) limit_preflights: bool,
    /// The policy that limits CORS preflights.
    pub(crate) preflights: Option<Policy>,
    pub(crate) exempt: Option<Arc<ExemptRules>>,
}

impl Subject {
    pub(super) fn new(entity: Arc<dyn KeyExtractor>, resource: Arc<dyn KeyExtractor>, is_peer: bool) -> Self {
        Self {
            entity,
            is_peer,
            fixed_resource: resource.constant().and_then(|key| key.into_resource().ok()),
            resource,
            on_missing_key: OnMissingKey::default(),
            limit_preflights: false,
            preflights: None,
            exempt: None,
        }
    }
}

/// The action for a request whose key is missing or empty. A misconfiguration of the server is answered with 500,
/// whatever this says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnMissingKey {
    /// Answers with 400, or with 401 if a credential is missing.
    #[default]
    Reject,
    /// Uses this entity for all such requests. Only for entity keys: a request without a resource is rejected. A
    /// request that brings this id as its plain key uses the same entity.
    Entity(EntityId),
    /// Passes the request on unlimited.
    Skip,
}

/// The settings of a builder, not yet checked.
#[derive(Clone, Default)]
pub(super) struct Draft {
    entity: Option<(Arc<dyn KeyExtractor>, bool)>,
    resource: Option<Arc<dyn KeyExtractor>>,
    on_missing_key: OnMissingKey,
    limit_preflights: bool,
    preflights: Option<Policy>,
    exempt: Option<Arc<ExemptRules>>,
}

impl Draft {
    /// Returns the exemptions, so that more can be added.
    pub(super) fn exempt(&mut self) -> &mut ExemptRules {
        Arc::make_mut(self.exempt.get_or_insert_default())
    }

    pub(super) fn check(self) -> Result<Subject, InvalidPolicy> {
        let (entity, is_peer) = self.entity.ok_or(InvalidPolicy::NoEntity)?;
        let resource = self.resource.ok_or(InvalidPolicy::NoResource)?;
        is_name(entity.constant().map(Key::into_entity))?;
        is_name(resource.constant().map(Key::into_resource))?;
        Ok(Subject {
            on_missing_key: self.on_missing_key,
            limit_preflights: self.limit_preflights,
            preflights: self.preflights,
            exempt: self.exempt,
            ..Subject::new(entity, resource, is_peer)
        })
    }
}

/// Refuses a constant key that is not a valid name: no request could be charged to it.
fn is_name<N>(constant: Option<Result<N, Invalid>>) -> Result<(), InvalidPolicy> {
    match constant {
        Some(Err(Invalid::Name(error))) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Settings of the keys.
impl PolicyBuilder {
    /// Sets the extractor of the entity, which is limited: a user, an API key or a project.
    pub fn entity<K: KeyExtractor>(mut self, key: K) -> Self {
        self.subject.entity = Some((Arc::new(key), TypeId::of::<K>() == TypeId::of::<PeerIp>()));
        self
    }

    /// Sets the extractor of the resource, which is used: an API or a model.
    pub fn resource(mut self, key: impl KeyExtractor) -> Self {
        self.subject.resource = Some(Arc::new(key));
        self
    }

    /// Sets the action for a request without a key. Default: [`OnMissingKey::Reject`].
    pub fn on_missing_key(mut self, action: OnMissingKey) -> Self {
        self.subject.on_missing_key = action;
        self
    }

    /// Limits CORS preflight requests too. By default they pass.
    pub fn limit_preflights(mut self) -> Self {
        self.subject.limit_preflights = true;
        self
    }

    /// Limits CORS preflight requests by a policy of their own, such as a small bucket for each address. Preflights
    /// have no credentials, so a policy whose key is a credential finds none in them.
    ///
    /// ```
    /// use tollgate::{Limit, layer::{Policy, keys}};
    ///
    /// let policy = Policy::builder()
    ///     .entity(keys::bearer_token())
    ///     .resource(keys::fixed("api"))
    ///     .limit(Limit::per_minute("rpm", 600))
    ///     .limit_preflights_by(Policy::per_ip(Limit::per_minute("preflights", 30)))
    ///     .build()?;
    /// # Ok::<(), tollgate::layer::InvalidPolicy>(())
    /// ```
    pub fn limit_preflights_by(mut self, policy: Policy) -> Self {
        self.subject.preflights = Some(policy);
        self
    }
}
