//! Settings of the warnings.

use std::sync::Arc;

use super::PolicyBuilder;
use crate::{
    layer::policy::LimitWarning,
    model::{IntoName, LimitName},
};

/// Settings of the warnings before a limit is used up.
impl PolicyBuilder {
    /// Warns when a limit is used up to a threshold: 1 to 100 percent of what a full bucket holds.
    /// Applies to every limit without [thresholds of its own](Self::warn_limit_at), and to those of
    /// the parent too.
    ///
    /// A warning is an event, `limit nearly used`, a count in `tollgate_limit_warnings_total`, and
    /// a call of the function of [`on_warning`](Self::on_warning). A process warns once for each
    /// bucket, limit, threshold and period. A limit that refills has no periods: its threshold
    /// warns again after the use has fallen 10 points below it. The policy remembers 65 536 limits
    /// of buckets that are above a threshold; if there are more, one of them may warn twice.
    ///
    /// The levels are those that requests see anyway, so a warning comes with the next request
    /// after a settlement. Each process warns by itself, if it gets requests of the entity.
    ///
    /// # Cost
    /// No round trip. A request of a policy with thresholds computes the state of its limits, and
    /// takes a lock while the use of any limit is above a threshold.
    ///
    /// ```
    /// use tollgate::{Limit, layer::{Policy, keys}};
    ///
    /// let policy = Policy::builder()
    ///     .entity(keys::hashed_header("x-api-key"))
    ///     .resource(keys::fixed("models"))
    ///     .limit(Limit::quota("tokens", 1_000_000).monthly("Europe/Berlin")?)
    ///     .warn_at([80, 95])
    ///     .on_warning(|warning| {
    ///         // The mail is sent elsewhere, because this function must not wait.
    ///         println!("{}: {} % of {}", warning.entity, warning.threshold, warning.limit);
    ///     })
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`build`](Self::build) returns
    /// [`InvalidPolicy::Threshold`](crate::layer::InvalidPolicy::Threshold) for a threshold that is
    /// not 1 to 100.
    pub fn warn_at(mut self, thresholds: impl IntoIterator<Item = u8>) -> Self {
        self.warnings.of_all = thresholds.into_iter().collect();
        self
    }

    /// Warns when the limit `name` is used up to a threshold, in place of those of
    /// [`warn_at`](Self::warn_at). With no thresholds, the limit never warns.
    ///
    /// # Errors
    /// [`build`](Self::build) returns
    /// [`InvalidPolicy::Threshold`](crate::layer::InvalidPolicy::Threshold) for a threshold that is
    /// not 1 to 100, and [`InvalidPolicy::UnknownLimit`](crate::layer::InvalidPolicy::UnknownLimit)
    /// if the policy has limits, but not this one.
    pub fn warn_limit_at(
        mut self,
        name: impl IntoName<LimitName>,
        thresholds: impl IntoIterator<Item = u8>,
    ) -> Self {
        let thresholds = thresholds.into_iter().collect();
        let name = name.as_text().to_owned();
        self.warnings.of_limits.push((name, thresholds));
        self
    }

    /// Sets a function that is called with each warning. It is called on the request's task, before
    /// the request goes on, so it must not wait. Without thresholds
    /// ([`warn_at`](Self::warn_at)), it is never called.
    pub fn on_warning(mut self, hook: impl Fn(&LimitWarning) + Send + Sync + 'static) -> Self {
        self.warnings.hook = Some(Arc::new(hook));
        self
    }
}
