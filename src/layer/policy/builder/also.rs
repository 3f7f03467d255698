//! Resources that are charged in addition.

use super::PolicyBuilder;
use crate::layer::policy::ResourceCharge;

/// Resources that are charged in addition.
impl PolicyBuilder {
    /// Also charges another resource to the entity: a budget over all models, for example. A
    /// request is charged for all resources, or for none, as with
    /// [`Acquire::also`](crate::limiter::Acquire::also).
    ///
    /// The resource has its own limits, costs and settle rules. All other settings of the policy
    /// apply to all resources: [`Outcome`](crate::layer::Outcome)s (a limit that an outcome names is
    /// given back for each resource that has it), [`shadow_limit`](Self::shadow_limit),
    /// [`wait`](Self::wait), [`prefetch`](Self::prefetch). Only [`top_up`](Self::top_up) applies to
    /// the policy's own resource alone: what a body uses of another resource beyond its cost becomes
    /// debt.
    ///
    /// Headers and answers report the limits of all resources. A limit of an added resource is
    /// called `resource.limit`. Headers that have room for one limit show the nearest one, as always.
    /// Handlers reach the resource by
    /// [`LeaseHandle::part`](crate::layer::LeaseHandle::part).
    ///
    /// If a key finds a resource that the request is charged for already, the request is answered
    /// like one with a missing key.
    ///
    /// ```
    /// use tollgate::{Limit, layer::{Policy, ResourceCharge, Settle, keys}};
    ///
    /// let policy = Policy::builder()
    ///     .entity(keys::hashed_header("x-api-key"))
    ///     .resource(keys::header("x-model"))
    ///     .limit(Limit::per_minute("tpm", 10_000))
    ///     .cost("tpm", 500)
    ///     .settle("tpm", Settle::header("x-usage-tokens"))
    ///     .also(
    ///         ResourceCharge::on(keys::fixed("all-models"))
    ///             .limit(Limit::per_day("cents", 2_000))
    ///             .cost("cents", 5)
    ///             .settle("cents", Settle::header("x-usage-cents")),
    ///     )
    ///     .build()?;
    /// # Ok::<(), tollgate::layer::InvalidPolicy>(())
    /// ```
    ///
    /// # Errors
    /// [`build`](Self::build) returns
    /// [`InvalidPolicy::ResourceRepeated`](crate::layer::InvalidPolicy::ResourceRepeated) if two
    /// fixed keys name the same resource, and
    /// [`InvalidPolicy::TooManyResources`](crate::layer::InvalidPolicy::TooManyResources) if the
    /// policy charges more than [`Acquire::MAX_RESOURCES`](crate::limiter::Acquire::MAX_RESOURCES).
    ///
    /// # Cost
    /// One write unit for each bucket. All buckets are written at the same time, so there is no
    /// further round trip.
    pub fn also(mut self, charge: ResourceCharge) -> Self {
        self.also.push(charge);
        self
    }
}
