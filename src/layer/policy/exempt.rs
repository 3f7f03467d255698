//! Who passes unlimited.

use std::{collections::HashSet, sync::Arc};

use super::PolicyBuilder;
use crate::{
    layer::{
        MissingKey, RequestHead,
        keys::{ClientIp, Networks},
    },
    model::EntityId,
};

type Predicate = Arc<dyn Fn(&RequestHead<'_>) -> bool + Send + Sync>;

/// The requests that pass unlimited.
#[derive(Clone, Default)]
pub(in crate::layer) struct ExemptRules {
    heads: Vec<Predicate>,
    networks: Vec<(ClientIp, Networks)>,
    entities: HashSet<EntityId>,
}

impl ExemptRules {
    /// Whether the request passes, whoever it is.
    ///
    /// # Errors
    /// Where the server is set up wrongly. A client whose address is not known is not exempt.
    pub(in crate::layer) fn head(&self, head: &RequestHead<'_>) -> Result<bool, MissingKey> {
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

    /// Returns `true` if the entity's requests pass.
    pub(in crate::layer) fn entity(&self, entity: &str) -> bool {
        self.entities.contains(entity)
    }
}

/// Exemptions.
///
/// Requests that are exempt pass as if there were no layer: nothing is charged or reported. Handlers find a
/// [`LeaseHandle`](crate::layer::LeaseHandle) that charges nothing, instead of one of a layer further out, unless the
/// policy is [`without_handle`](Self::without_handle).
impl PolicyBuilder {
    /// Lets requests pass unlimited that a closure says so of. It is asked before any key is looked
    /// for.
    ///
    /// ```
    /// use tollgate::layer::{Policy, RequestHead};
    ///
    /// let policy = Policy::builder().exempt(|head: &RequestHead<'_>| head.uri.path() == "/health");
    /// ```
    pub fn exempt(mut self, exempt: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.subject.exempt().heads.push(Arc::new(exempt));
        self
    }

    /// Lets clients pass unlimited whose address, as `client` finds it, is in one of `networks`.
    /// Where it is not known the request is limited as any other.
    pub fn exempt_networks(mut self, client: ClientIp, networks: Networks) -> Self {
        self.subject.exempt().networks.push((client, networks));
        self
    }

    /// Lets these entities pass unlimited. What clients can choose themselves, a plain id in a
    /// header, must not be among them.
    pub fn exempt_entities(mut self, entities: impl IntoIterator<Item = EntityId>) -> Self {
        self.subject.exempt().entities.extend(entities);
        self
    }
}
