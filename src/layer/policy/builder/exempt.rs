//! Settings of the exemptions.

use std::sync::Arc;

use super::PolicyBuilder;
use crate::{
    layer::{
        RequestHead,
        keys::{ClientIp, Networks},
    },
    model::EntityId,
};

/// Settings of the exemptions.
///
/// Exempt requests pass as if there were no layer: nothing is charged or reported. Handlers get a
/// [`LeaseHandle`](crate::layer::LeaseHandle) that charges nothing, in place of the handle of an
/// outer layer, unless the policy is [`without_handle`](Self::without_handle).
impl PolicyBuilder {
    /// Exempts the requests for which the closure returns `true`. The closure is called before any
    /// key is extracted.
    ///
    /// ```
    /// use tollgate::layer::{Policy, RequestHead};
    ///
    /// let policy = Policy::builder().exempt(|head: &RequestHead<'_>| head.uri.path() == "/health");
    /// ```
    pub fn exempt(
        mut self,
        exempt: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.subject.exempt().heads.push(Arc::new(exempt));
        self
    }

    /// Exempts clients whose address, as `client` finds it, is in one of `networks`. A client whose
    /// address is not known is limited like any other.
    pub fn exempt_networks(mut self, client: ClientIp, networks: Networks) -> Self {
        self.subject.exempt().networks.push((client, networks));
        self
    }

    /// Exempts these entities. Do not exempt an id that clients can choose themselves, such as a
    /// plain id in a header.
    pub fn exempt_entities(mut self, entities: impl IntoIterator<Item = EntityId>) -> Self {
        self.subject.exempt().entities.extend(entities);
        self
    }
}
