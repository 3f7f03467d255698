//! The gate of a bucket: its state under a lock, and the gates of the other shards.
#![allow(
    clippy::disallowed_methods,
    reason = "processes begin at a random shard"
)]

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use super::slot;
use crate::{
    error::Unavailable,
    limiter::{
        gate::{
            context::GateContext,
            pacing,
            slot::{Locked, Resting, Slot},
            state::GateState,
        },
        runtime::Timeout,
    },
    model::{BucketKey, BucketState, Limits, Split, plan},
    store::StoreError,
    telemetry::{LiveGate, StoreCall},
};

/// The shortest wait that a refusal reports. A wait of zero would mean that the request may try
/// again at once.
pub(super) const LEAST_WAIT: Duration = Duration::from_millis(1);

pub(crate) struct Gate {
    pub(super) key: BucketKey,
    pub(super) context: Arc<GateContext>,
    pub(super) state: Mutex<Slot>,
    /// Empty until the bucket is seen to have several shards.
    pub(super) shards: OnceLock<Box<Shards>>,
    pub(super) counted: LiveGate,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gate").field(&self.key).finish()
    }
}

impl Gate {
    pub(crate) fn new(key: BucketKey, context: Arc<GateContext>) -> Self {
        Self {
            key,
            context,
            state: Mutex::default(),
            shards: OnceLock::new(),
            counted: LiveGate::new(),
        }
    }

    /// Creates the gate again from its record.
    pub(crate) fn wake(key: BucketKey, context: Arc<GateContext>, resting: Resting) -> Self {
        let Resting { record, counted } = resting;
        Self {
            key,
            context,
            state: Mutex::new(Slot::resting(record)),
            shards: OnceLock::new(),
            counted,
        }
    }

    pub(super) fn with_shards(key: BucketKey, context: Arc<GateContext>, shards: Shards) -> Self {
        Self {
            shards: Box::new(shards).into(),
            ..Self::new(key, context)
        }
    }

    pub(crate) fn is_in(&self, context: &Arc<GateContext>) -> bool {
        Arc::ptr_eq(&self.context, context)
    }

    pub(crate) fn key(&self) -> &BucketKey {
        &self.key
    }

    /// Notes that a request has missed its deadline before the store answered. Returns the error
    /// for the request.
    pub(crate) fn missed_deadline(&self) -> Unavailable {
        self.context.missed_deadline();
        let throttled = self.peek(self.context.clock.now(), |state| {
            state.pace.throttled_for(pacing::now())
        });
        throttled.map_or(Unavailable::Deadline, |wait| Unavailable::Throttled {
            retry_after: wait.max(LEAST_WAIT),
        })
    }

    /// Returns `true` if the gate can be evicted without losing anything.
    pub(crate) fn is_idle(&self) -> bool {
        let idle = self.slot().is_idle();
        idle && self.shards.get().is_none_or(|shards| shards.are_idle())
    }

    pub(super) async fn read(&self) -> Result<Option<BucketState>, StoreError> {
        self.call(StoreCall::Read, self.context.store.read(&self.key))
            .await
    }

    /// Notes if a bucket is gone before it has expired: somebody has deleted it, or the whole
    /// table.
    pub(super) fn miss(&self, state: &GateState, shown: Option<&BucketState>) {
        if shown.is_none() && state.seen.live(self.context.clock.now()).is_some() {
            self.context.doubt_table();
        }
    }

    /// Returns the other writers that a write must expect.
    pub(super) fn others(&self, state: &GateState, now: i64) -> plan::Others {
        let GateContext {
            round_trip,
            settings,
            ..
        } = &*self.context;
        state
            .others
            .expected(state.seen_at, now, round_trip.millis(), settings.peers)
    }

    /// Returns about the time at which a write that was answered at `now` reached the store, epoch
    /// ms.
    pub(super) fn written_at(&self, now: i64) -> i64 {
        now.saturating_sub(self.context.round_trip.millis() / 2)
    }

    /// Returns `true` if the charge of a cancelled request is given back.
    pub(crate) fn forgives(&self, limits: &Limits) -> bool {
        self.context
            .forgiveness
            .forgive(self.key.parts(), limits, self.context.clock.now())
    }

    pub(super) fn lock(&self) -> Locked<'_> {
        Locked::new(self.slot())
    }

    /// Reads the state without keeping the gate awake.
    pub(super) fn peek<T>(&self, now: i64, look: impl FnOnce(&GateState) -> T) -> T {
        slot::peek(self.slot(), &self.context.interner, now, look)
    }

    pub(super) fn slot(&self) -> MutexGuard<'_, Slot> {
        // Nothing panics while the lock is held. Even after a panic the state would still be valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a timeout on the limiter's runtime. The caller may be in another runtime, or in none.
    pub(crate) fn deadline(&self, time: Duration) -> Timeout {
        self.context.background.deadline(time)
    }
}

/// The links from a gate to the other shards of its bucket.
#[derive(Debug)]
pub(super) struct Shards {
    /// The number of shards, as far as any gate of the bucket has seen. All these gates share it.
    pub(super) count: Arc<AtomicU32>,
    /// The gate of the first shard. Empty in the gate of the first shard itself.
    pub(super) first: Weak<Gate>,
    /// The gates of the other shards. Filled only in the gate of the first shard.
    pub(super) others: Mutex<Vec<Arc<Gate>>>,
    /// The shard that granted last.
    pub(super) preferred: AtomicU32,
    /// The time at which all shards were last looked at, epoch ms.
    pub(super) explored_at: AtomicI64,
}

impl Shards {
    /// Creates the links for the gate of a first shard.
    pub(super) fn first() -> Self {
        Self::new(Arc::new(AtomicU32::new(1)), Weak::new())
    }

    pub(super) fn new(count: Arc<AtomicU32>, first: Weak<Gate>) -> Self {
        // A random shard is preferred, so that processes begin at different shards.
        Self {
            count,
            first,
            others: Mutex::default(),
            preferred: AtomicU32::new(fastrand::u32(..)),
            explored_at: AtomicI64::new(i64::MIN),
        }
    }

    /// Notes that the bucket has at least `count` shards.
    pub(super) fn learn(&self, count: u32) {
        self.count
            .fetch_max(count.min(Split::MOST_SHARDS), Ordering::AcqRel);
    }

    /// Notes that the bucket has exactly `count` shards.
    pub(super) fn set(&self, count: u32) {
        self.count
            .store(count.min(Split::MOST_SHARDS), Ordering::Release);
    }

    pub(super) fn are_idle(&self) -> bool {
        self.others
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .all(|gate| gate.is_idle())
    }
}
