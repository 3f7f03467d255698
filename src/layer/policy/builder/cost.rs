//! Settings of the cost.

use std::sync::Arc;

use super::PolicyBuilder;
use crate::{
    layer::{Estimate, Learn},
    model::{IntoName, LimitName},
};

/// Settings of the cost.
impl PolicyBuilder {
    /// Sets the cost of every request in tokens of the limit `name`. A limit without a cost costs
    /// one token. With 0, requests do not use the limit, even if it is deep in debt. No other
    /// setting can do that.
    ///
    /// If the limits are stored ones and lack `name`, requests are answered with 500.
    pub fn cost(mut self, name: impl IntoName<LimitName>, tokens: u64) -> Self {
        self.cost.fixed.push((name.as_text().to_owned(), tokens));
        self
    }

    /// Estimates the cost of a request in tokens of the limit `name` from its head. If there is no
    /// estimate, the [learned](Self::learn) cost is charged, or else the fixed
    /// [`cost`](Self::cost). An estimate of 0 counts as 1.
    ///
    /// If requests without an estimate shall not use the limit, also set `.cost(name, 0)`. Do this
    /// only if the estimate is a closure that decides which requests use the limit: a client can
    /// leave a header out.
    pub fn estimate(mut self, name: impl IntoName<LimitName>, estimate: impl Estimate) -> Self {
        self.cost
            .estimates
            .push((name.as_text().to_owned(), Arc::new(estimate)));
        self
    }

    /// Estimates the cost of a request in tokens of the limit `name` from the real use of earlier
    /// requests. A [`settle`](Self::settle) rule or the handler must report the real use.
    ///
    /// If a stored limit becomes smaller than the learned cost, one request is refused because it
    /// exceeds the capacity. After that, the learned cost is lowered.
    pub fn learn(mut self, name: impl IntoName<LimitName>, learn: Learn) -> Self {
        self.cost.learned.push((name.as_text().to_owned(), learn));
        self
    }
}
