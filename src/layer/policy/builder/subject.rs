//! Settings of the keys.

use std::{
    any::{Any, TypeId},
    sync::Arc,
};

use super::PolicyBuilder;
use crate::layer::{
    KeyExtractor,
    keys::PeerIp,
    policy::{OnMissingKey, Policy},
};

/// Settings of the keys.
impl PolicyBuilder {
    /// Sets the extractor of the entity, which is limited: a user, an API key or a project.
    pub fn entity(mut self, key: impl KeyExtractor) -> Self {
        let is_peer = key.type_id() == TypeId::of::<PeerIp>();
        self.subject.entity = Some((Arc::new(key), is_peer));
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

    /// Limits CORS preflight requests by a policy of their own, such as a small bucket for each
    /// address. Preflights have no credentials, so a policy whose key is a credential finds none in
    /// them.
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
