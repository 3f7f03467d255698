//! What all gates of a limiter share.

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

use super::{
    background::Background, breaker::Switch, forgiveness::Forgiveness, gate::Kinds, places::Places, prefetch::Counters,
    resolver::Resolver,
};
use crate::{
    clock::{Clock, StoreTime},
    error::Unavailable,
    model::{Now, WriteId, plan::Peers},
    store::{Store, StoreError, StoreErrorKind},
    telemetry::Refusals,
};

/// A store that says nothing for so long while it is asked counts as silent, ms.
const LEAST_SILENCE: i64 = 400;

/// What all gates of a limiter share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) store: Arc<dyn Store>,
    pub(super) resolver: Arc<Resolver>,
    pub(super) clock: Arc<dyn Clock>,
    /// The store's time, where the clock goes by it.
    pub(super) time: Option<Arc<StoreTime>>,
    pub(super) background: Background,
    pub(super) settings: Settings,
    pub(super) write_ids: WriteIds,
    pub(super) prefetched: Counters,
    pub(super) kinds: Kinds,
    pub(super) breaker: Arc<Switch>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) round_trip: RoundTrip,
    pub(super) places: Places,
    /// Whom a cancelled charge was given back.
    pub(super) forgiveness: Forgiveness,
    /// How often the table or a bucket was gone that should be there: the table may have been made anew.
    pub(super) suspicions: AtomicU64,
    /// How many of these were found to be wrong.
    pub(super) cleared: AtomicU64,
    /// The last look at the table. Only one at a time.
    pub(super) look: Mutex<TableLook>,
    /// How many flights in a row the store has not answered since the limiter is being shut down.
    pub(super) unanswered: AtomicUsize,
}

impl Context {
    /// The time, and how far it may be off.
    pub(super) fn now(&self) -> Now {
        Now { at: self.clock.now(), error: self.clock.error() }
    }

    /// Returns `true` if nobody knows yet how far the clock is off.
    pub(super) fn is_timeless(&self) -> bool {
        self.time.as_ref().is_some_and(|time| !time.is_known())
    }

    /// Notes that the table or a bucket is gone that should be there.
    pub(super) fn suspect(&self) {
        self.suspicions.fetch_add(1, Ordering::AcqRel);
    }

    /// Makes sure that the table is the one that was opened, if it may be another one. One round trip then.
    pub(super) async fn check_table(&self) -> Result<(), Unavailable> {
        if self.resolver.found_no_table() {
            self.suspect();
        }
        if self.suspicions.load(Ordering::Acquire) == self.cleared.load(Ordering::Acquire) {
            return Ok(());
        }
        let (mut look, waited) = match self.look.try_lock() {
            Ok(look) => (look, false),
            Err(_) => (self.look.lock().await, true),
        };
        // A suspicion that comes while the store is asked is not cleared by the answer.
        let suspicions = self.suspicions.load(Ordering::Acquire);
        match &*look {
            TableLook::Replaced => return Err(Unavailable::Unregistered),
            _ if suspicions == self.cleared.load(Ordering::Acquire) => return Ok(()),
            // Those who have waited for the same look do not look again, one after the other.
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

    /// Notes if the store has answered a flight, or nobody knows. Only counted while the limiter is being shut down.
    pub(super) fn flew(&self, answered: bool) {
        if !self.background.is_closed() {
            return;
        }
        if answered {
            self.unanswered.store(0, Ordering::Relaxed);
        } else {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns `true` if the limiter is being shut down and as many flights in a row as there are places were not
    /// answered: all others would take as long, one after the other.
    pub(super) fn gives_up(&self) -> bool {
        self.background.is_closed() && self.unanswered.load(Ordering::Relaxed) >= self.places.all()
    }

    /// Notes that somebody's deadline has passed. The breaker hears of it if the store is silent meanwhile.
    pub(super) fn missed_deadline(&self) {
        if self.places.any_in_flight() {
            let patience = self.round_trip.millis().saturating_mul(4).max(LEAST_SILENCE);
            self.breaker.missed(self.clock.now(), patience);
        }
    }

    /// A store call that ends in time, one way or another.
    pub(super) async fn in_time<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let mut call = pin!(call);
        let mut late = self.background.deadline(self.settings.store_deadline);
        poll_fn(|context| match (call.as_mut().poll(context), Pin::new(&mut late)) {
            (Poll::Ready(answer), _) => Poll::Ready(answer),
            (Poll::Pending, late) => late
                .poll(context)
                .map(|()| Err(StoreError::new(StoreErrorKind::Unknown, "the store did not answer in time"))),
        })
        .await
    }
}

/// The outcome of a look at the table that may be another one.
#[derive(Debug, Default)]
pub(super) enum TableLook {
    /// It was the one that was opened.
    #[default]
    Fine,
    /// It was another one. Ids of namespaces are random: one that is gone does not come back.
    Replaced,
    /// The store did not tell.
    Failed(StoreError),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// How long a settled difference waits for a write to ride on.
    pub(super) flush_after: Duration,
    /// How long after the store has said so a bucket counts as short without asking again.
    pub(super) deny_from_memory: Duration,
    /// The deadline of one store call.
    pub(super) store_deadline: Duration,
    /// How many shards a bucket may be split into.
    pub(super) max_shards: u32,
    /// If Python clients spend from the same buckets.
    pub(super) peers: Peers,
}

/// The mean time of the last writes of buckets. Shared by all gates: they write to one store.
#[derive(Debug, Default)]
pub(super) struct RoundTrip(AtomicU32);

impl RoundTrip {
    /// Notes a write that was answered.
    pub(super) fn took(&self, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX).max(1);
        let before = self.0.load(Ordering::Relaxed);
        let mean = if before == 0 { micros } else { before - before / 8 + micros / 8 };
        // Two at once: one of them is forgotten.
        self.0.store(mean.max(1), Ordering::Relaxed);
    }

    /// Returns the mean; zero before the first answer.
    pub(super) fn mean(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed).into())
    }

    /// Returns the mean in ms, rounded up.
    pub(super) fn millis(&self) -> i64 {
        i64::from(self.0.load(Ordering::Relaxed).div_ceil(1000))
    }
}

/// Ids of writes: a random beginning, then counting.
#[derive(Debug)]
pub(super) struct WriteIds(AtomicU64);

impl WriteIds {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(fastrand::u64(..)))
    }

    pub(super) fn next(&self) -> WriteId {
        WriteId::from_number(self.0.fetch_add(1, Ordering::Relaxed))
    }
}
