//! Requests that are exempt from the limits.

use std::{collections::HashSet, sync::Arc};

use crate::{
    layer::{
        MissingKey, RequestHead,
        keys::{ClientIp, Networks},
    },
    model::EntityId,
};

type Predicate = Arc<dyn Fn(&RequestHead<'_>) -> bool + Send + Sync>;

/// The rules that exempt requests from the limits.
#[derive(Clone, Default)]
pub(crate) struct ExemptRules {
    pub(super) heads: Vec<Predicate>,
    pub(super) networks: Vec<(ClientIp, Networks)>,
    pub(super) entities: HashSet<EntityId>,
}

impl ExemptRules {
    /// Returns `true` if the request is exempt for every entity.
    ///
    /// # Errors
    /// [`MissingKey`] if the server is misconfigured. A client whose address is not known is not
    /// exempt.
    pub(crate) fn head(&self, head: &RequestHead<'_>) -> Result<bool, MissingKey> {
        if self.heads.iter().any(|exempt| exempt(head)) {
            return Ok(true);
        }
        for (client, networks) in &self.networks {
            match client.address(head) {
                Ok(address) if networks.contains(address) => return Ok(true),
                Err(missing) if missing.is_setup() => return Err(missing),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(false)
    }

    /// Returns `true` if the entity's requests are exempt.
    pub(crate) fn entity(&self, entity: &str) -> bool {
        self.entities.contains(entity)
    }
}
