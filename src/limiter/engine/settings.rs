//! The settings of a limiter.

use std::{sync::Arc, time::Duration};

use tokio::runtime::Handle;

use crate::{
    clock::Clock,
    error::Invalid,
    limiter::{
        gate,
        runtime::Breaker,
        terms::{Deadline, StampTtl},
    },
    model::{BucketTtl, Split, plan::Peers},
};

/// Everything from which a limiter is built, except its store.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) clock: Option<Arc<dyn Clock>>,
    /// `true` if the store's time corrects the clock.
    pub(crate) corrected: bool,
    pub(crate) runtime: Option<Handle>,
    /// The number of buckets without pending writes, and of entities, that are cached.
    pub(crate) remembered: usize,
    pub(crate) gate: gate::GateSettings,
    /// The longest time that an acquire waits for the store.
    pub(crate) deadline: Deadline,
    /// The name that the history records for changes of stored limits and entities.
    pub(crate) principal: Option<String>,
    /// The name of the namespace, if it is known.
    pub(crate) namespace: Option<String>,
    /// The time for which the history is kept. `None` for the stored one.
    pub(crate) audit_retention: Option<Duration>,
    pub(crate) config_ttl: Duration,
    pub(crate) breaker: Option<Breaker>,
    /// `true` if Python clients spend from the same buckets. `None` if it was not set.
    pub(crate) mixed_fleet: Option<bool>,
    pub(crate) store_calls: usize,
    /// The deadline of one call for stored limits and other records, if it was set.
    pub(crate) call_deadline: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clock: None,
            corrected: true,
            runtime: None,
            remembered: 100_000,
            gate: gate::GateSettings {
                flush_after: Duration::from_millis(100),
                deny_from_memory: Duration::from_secs(1),
                store_deadline: Duration::from_secs(1),
                max_shards: 32,
                peers: Peers::Unknown,
                stamp_ttl: StampTtl::default(),
                bucket_ttl: BucketTtl::default(),
            },
            deadline: Duration::from_millis(250).into(),
            principal: None,
            namespace: None,
            audit_retention: None,
            config_ttl: Duration::from_secs(60),
            breaker: Some(Breaker::new()),
            mixed_fleet: None,
            store_calls: 256,
            call_deadline: None,
        }
    }
}

impl Settings {
    /// Returns the deadline of one call for stored limits and other records.
    pub(crate) fn longest_call(&self) -> Duration {
        self.call_deadline.unwrap_or(Duration::from_secs(10))
    }

    /// Returns an error if a setting has a value that makes no sense.
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        let refused = |setting, must_be| Err(Invalid::Setting { setting, must_be });
        let deadlines = [
            ("deadline", self.deadline.into()),
            ("store_deadline", self.gate.store_deadline),
            ("call_deadline", self.longest_call()),
        ];
        if let Some((setting, _)) = deadlines
            .into_iter()
            .find(|(_, deadline)| Duration::is_zero(deadline))
        {
            return refused(setting, "longer than zero");
        }
        if self.gate.bucket_ttl == BucketTtl::Times(0) {
            return refused("bucket_ttl", "at least once, or `BucketTtl::Never`");
        }
        if !(self.gate.max_shards.is_power_of_two() && self.gate.max_shards <= Split::MOST_SHARDS) {
            return refused("max_shards", "1, 2, 4, 8, 16 or 32");
        }
        if self.gate.stamp_ttl.0 < StampTtl::LEAST {
            return refused("stamp_ttl", "at least 10 s");
        }
        Ok(())
    }
}
