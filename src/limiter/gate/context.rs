//! The state that all gates of a limiter share.
#![allow(
    clippy::disallowed_methods,
    reason = "the ids of writes begin at a random number"
)]

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use tokio::sync::Mutex;

use super::forgiveness::Forgiveness;
use crate::{
    clock::{Clock, StoreTime},
    error::Unavailable,
    limiter::{
        gate::interner::Interner,
        resolver::Resolver,
        runtime::{Background, CircuitBreaker, StoreCallPermits},
        terms::{Counters, StampTtl},
    },
    model::{BucketTtl, ClockReading, WriteId, plan::Peers},
    store::{Store, StoreError, StoreErrorKind},
    telemetry::Refusals,
};

/// The store counts as silent if it was asked and has answered nothing for this long: ms.
const LEAST_SILENCE: i64 = 400;

/// The state that all gates of a limiter share.
#[derive(Debug)]
pub(crate) struct GateContext {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The store's time, if it corrects the clock.
    pub(crate) time: Option<Arc<StoreTime>>,
    pub(crate) background: Background,
    pub(crate) settings: GateSettings,
    pub(crate) write_ids: WriteIds,
    pub(crate) prefetched: Counters,
    pub(crate) interner: Interner,
    pub(crate) breaker: Arc<CircuitBreaker>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) round_trip: RoundTrip,
    pub(crate) permits: StoreCallPermits,
    /// Limits how many cancelled charges are given back.
    pub(crate) forgiveness: Forgiveness,
    /// The number of times that the table or a bucket was missing although it should exist. The
    /// table may have been deleted and created again.
    pub(crate) suspicions: AtomicU64,
    /// The number of suspicions that a check has found to be unfounded.
    pub(crate) cleared: AtomicU64,
    /// The last check of the table. Locked during a check, so that only one runs at a time.
    pub(crate) look: Mutex<TableLook>,
    /// The number of writes in a row that the store has not answered. Counted only during shutdown.
    pub(crate) unanswered: AtomicUsize,
}

impl GateContext {
    /// Returns the time, and how far it may be off.
    pub(crate) fn now(&self) -> ClockReading {
        ClockReading {
            at: self.clock.now(),
            error: self.clock.error(),
        }
    }

    /// Returns `true` if it is not known yet how far the clock is off.
    pub(crate) fn is_timeless(&self) -> bool {
        self.time.as_ref().is_some_and(|time| !time.is_known())
    }

    /// Records that the table or a bucket is missing although it should exist.
    pub(crate) fn doubt_table(&self) {
        self.suspicions.fetch_add(1, Ordering::AcqRel);
    }

    /// Checks that the table is still the one that was opened, if there is reason to doubt it. Such
    /// a check costs one round trip.
    pub(crate) async fn check_table(&self) -> Result<(), Unavailable> {
        if self.resolver.found_no_table() {
            self.doubt_table();
        }
        if self.suspicions.load(Ordering::Acquire) == self.cleared.load(Ordering::Acquire) {
            return Ok(());
        }
        let (mut look, waited) = match self.look.try_lock() {
            Ok(look) => (look, false),
            Err(_) => (self.look.lock().await, true),
        };
        // A suspicion that is raised while the store is asked is not cleared by the answer.
        let suspicions = self.suspicions.load(Ordering::Acquire);
        match &*look {
            TableLook::Replaced => return Err(Unavailable::Unregistered),
            _ if suspicions == self.cleared.load(Ordering::Acquire) => return Ok(()),
            // This task has waited for the check of another task, and that check has failed. Do not
            // repeat it: otherwise all waiting tasks would ask the store, one after the other.
            TableLook::Failed(error) if waited => return Err(Unavailable::Store(error.clone())),
            TableLook::Failed(_) | TableLook::Fine => {}
        }
        match self.in_time(self.store.is_registered()).await {
            Ok(true) => {
                *look = TableLook::Fine;
                self.cleared.store(suspicions, Ordering::Release);
                Ok(())
            }
            Ok(false) => {
                *look = TableLook::Replaced;
                Err(Unavailable::Unregistered)
            }
            Err(error) => {
                *look = TableLook::Failed(error.clone());
                Err(Unavailable::Store(error))
            }
        }
    }

    /// Records if the store has answered a write. Only counted during shutdown.
    pub(crate) fn write_ended(&self, answered: bool) {
        if !self.background.is_closed() {
            return;
        }
        if answered {
            self.unanswered.store(0, Ordering::Relaxed);
        } else {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns `true` during shutdown if the store did not answer as many writes in a row as may be
    /// in flight at once. The writes that are left would time out too, one after the other.
    pub(crate) fn gives_up(&self) -> bool {
        self.background.is_closed() && self.unanswered.load(Ordering::Relaxed) >= self.permits.all()
    }

    /// Records that a deadline of a request has passed. If the store was silent meanwhile, the
    /// breaker counts it as a failure.
    pub(crate) fn missed_deadline(&self) {
        if self.permits.any_in_flight() {
            let patience = self
                .round_trip
                .millis()
                .saturating_mul(4)
                .max(LEAST_SILENCE);
            self.breaker.missed(self.clock.now(), patience);
        }
    }

    /// Runs a store call, and fails it if it does not end within the store deadline.
    pub(crate) async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut call = pin!(call);
        let mut late = self.background.deadline(self.settings.store_deadline);
        poll_fn(
            |context| match (call.as_mut().poll(context), Pin::new(&mut late)) {
                (Poll::Ready(answer), _) => Poll::Ready(answer),
                (Poll::Pending, late) => late.poll(context).map(|()| {
                    Err(StoreError::new(
                        StoreErrorKind::Unknown,
                        "the store did not answer in time",
                    ))
                }),
            },
        )
        .await
    }
}

/// The outcome of a check if the table is still the same.
#[derive(Debug, Default)]
pub(crate) enum TableLook {
    /// The table is the one that was opened.
    #[default]
    Fine,
    /// The table is another one. Ids of namespaces are random, so a deleted namespace does not come
    /// back.
    Replaced,
    /// The store did not answer.
    Failed(StoreError),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct GateSettings {
    /// The time that a settled difference waits for another write of its bucket, which writes it
    /// too.
    pub(crate) flush_after: Duration,
    /// The time for which a bucket counts as short after the store has shown it to be, without
    /// asking again.
    pub(crate) deny_from_memory: Duration,
    /// The deadline of one store call.
    pub(crate) store_deadline: Duration,
    /// The largest number of shards that a bucket may be split into.
    pub(crate) max_shards: u32,
    /// The Python clients that may spend from the same buckets.
    pub(crate) peers: Peers,
    /// The time for which stamps hold.
    pub(crate) stamp_ttl: StampTtl,
    /// The time after which unused buckets are deleted.
    pub(crate) bucket_ttl: BucketTtl,
}

/// The mean round trip of the last bucket writes. All gates share it, because they write to one
/// store.
#[derive(Debug, Default)]
pub(crate) struct RoundTrip(AtomicU32);

impl RoundTrip {
    /// Records the round trip of a write that was answered.
    pub(crate) fn took(&self, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX).max(1);
        let before = self.0.load(Ordering::Relaxed);
        let mean = if before == 0 {
            micros
        } else {
            before - before / 8 + micros / 8
        };
        // If two threads store at the same time, one of the values is lost.
        self.0.store(mean.max(1), Ordering::Relaxed);
    }

    /// Returns the mean; zero before the first answer.
    pub(crate) fn mean(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed).into())
    }

    /// Returns the mean in ms, rounded up.
    pub(crate) fn millis(&self) -> i64 {
        i64::from(self.0.load(Ordering::Relaxed).div_ceil(1000))
    }
}

/// Generates the ids of writes: counts on from a random number.
#[derive(Debug)]
pub(crate) struct WriteIds(AtomicU64);

impl WriteIds {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(fastrand::u64(..)))
    }

    pub(crate) fn next(&self) -> WriteId {
        WriteId::from_number(self.0.fetch_add(1, Ordering::Relaxed))
    }
}
