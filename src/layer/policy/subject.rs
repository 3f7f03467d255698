//! The entity that is limited, and the resource that it uses.

use std::sync::Arc;

use super::{InvalidPolicy, Policy, exempt::ExemptRules};
use crate::{
    error::Invalid,
    layer::{Key, KeyExtractor},
    model::{EntityId, Resource},
};

/// The rules for the entity and the resource of a request, and the action if a key is missing.
pub(crate) struct Subject {
    pub(crate) entity: Arc<dyn KeyExtractor>,
    /// `true` if `entity` is [`PeerIp`](crate::layer::keys::PeerIp). Then the address is read
    /// without a call through `dyn`.
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
    pub(super) fn new(
        entity: Arc<dyn KeyExtractor>,
        resource: Arc<dyn KeyExtractor>,
        is_peer: bool,
    ) -> Self {
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

/// The action for a request whose key is missing or empty. A misconfiguration of the server is
/// answered with 500, even if this action is another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnMissingKey {
    /// Answers with 400, or with 401 if a credential is missing.
    #[default]
    Reject,
    /// Uses this entity for all such requests. Only for entity keys: a request without a resource
    /// is rejected. A request that brings this id as its plain key uses the same entity.
    Entity(EntityId),
    /// Passes the request on unlimited.
    Skip,
}

/// The settings of a builder, not yet checked.
#[derive(Clone, Default)]
pub(super) struct SubjectDraft {
    pub(super) entity: Option<(Arc<dyn KeyExtractor>, bool)>,
    pub(super) resource: Option<Arc<dyn KeyExtractor>>,
    pub(super) on_missing_key: OnMissingKey,
    pub(super) limit_preflights: bool,
    pub(super) preflights: Option<Policy>,
    pub(super) exempt: Option<Arc<ExemptRules>>,
}

impl SubjectDraft {
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
pub(super) fn is_name<N>(constant: Option<Result<N, Invalid>>) -> Result<(), InvalidPolicy> {
    match constant {
        Some(Err(Invalid::Name(error))) => Err(error.into()),
        _ => Ok(()),
    }
}
