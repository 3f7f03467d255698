//! The place and the capabilities of the store, without a round trip.

use crate::{
    limiter::api::RateLimiter,
    store::{StoreCapabilities, StoreLocation},
};

impl RateLimiter {
    /// Returns the place of the limiter's data: table, region and namespace. `None` if the store
    /// has no table, as in memory. No round trip.
    ///
    /// ```no_run
    /// # async fn open() -> Result<(), tollgate::Error> {
    /// let limiter = tollgate::RateLimiter::open().stack("rate-limits").await?;
    /// let place = limiter.location().expect("it is in a table");
    /// println!("{} {:?} {}", place.table, place.region, place.namespace_id);
    /// # Ok(())
    /// # }
    /// ```
    pub fn location(&self) -> Option<StoreLocation> {
        let mut location = self.store().location()?;
        if location.namespace.is_none() {
            location.namespace = self.engine().settings().namespace.clone();
        }
        Some(location)
    }

    /// Returns the parts that the store has beside its buckets. No round trip.
    ///
    /// ```
    /// let capabilities = tollgate::RateLimiter::memory().capabilities();
    /// assert!(capabilities.records && !capabilities.namespaces);
    /// ```
    pub fn capabilities(&self) -> StoreCapabilities {
        let store = self.store();
        StoreCapabilities {
            records: store.records().is_some(),
            namespaces: store.namespaces().is_some(),
            diagnostics: store.diagnostics().is_some(),
            time: store.time().is_some(),
        }
    }
}
