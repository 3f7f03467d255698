//! The memory store.

use std::{fmt, future::ready, sync::Arc};

use super::{WhenFull, buckets::Buckets, home::Home, records::Tables, state::State};
use crate::{
    clock::Clock,
    model::{
        BucketKey, BucketState, Create, Expiry, Guard, LimitState, Limits, Line, Lineage, NewLimit, Split, Stamps,
        StoreStatus, TokenChange, Update, Validity,
    },
    store::{Diagnostics, Outcome, Records, Store, StoreError, StoreErrorKind, StoreFuture},
};

/// Buckets in this process's memory. Their number is bounded: if the store is full, a new key replaces a bucket that is
/// full again. If there is no such bucket, [`when_full`](Self::when_full) decides.
///
/// Clones share the buckets.
#[derive(Clone)]
pub struct MemoryStore {
    pub(super) buckets: Arc<Buckets>,
    pub(super) tables: Arc<Tables>,
    /// The home of limiters without a clock of their own.
    pub(super) home: Arc<Home>,
}

/// The default maximum number of buckets: about 100 MB of keys and states.
const DEFAULT_CAPACITY: usize = 500_000;

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }
}

/// Prints the number of buckets, and not their contents.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("buckets", &self.len()).finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// Returns a store for 500 000 buckets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a store for about `buckets` buckets: at least 64, at most 2^30.
    pub fn with_capacity(buckets: usize) -> Self {
        let (buckets, tables) = (Arc::new(Buckets::new(buckets)), Arc::default());
        let home = Home::new(&buckets, &tables);
        Self { buckets, tables, home }
    }

    /// Sets how the store handles a new key if it is full of buckets in use. Applies to all clones. Default:
    /// [`WhenFull::Refuse`].
    #[must_use]
    pub fn when_full(self, rule: WhenFull) -> Self {
        self.buckets.when_full().set(rule);
        self
    }

    /// Returns the home of the buckets of a limiter with that clock, or of one without a clock.
    pub(crate) fn home(&self, clock: Option<Arc<dyn Clock>>) -> Arc<Home> {
        match clock {
            None => self.home.clone(),
            Some(clock) => self.home.under(clock),
        }
    }

    /// Returns the number of buckets that it holds.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Returns the maximum number of buckets. Keys are spread over parts, and a part may be full earlier.
    pub fn capacity(&self) -> usize {
        self.buckets.capacity()
    }

    /// Returns `true` if it holds no bucket.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn try_update(&self, key: &BucketKey, update: &Update) -> Result<Outcome, StoreError> {
        let Some(entry) = self.buckets.find(key.parts().into()) else {
            return Ok(Outcome::Refused(None));
        };
        let mut slot = entry.lock();
        let Some(mut state) = slot.bucket.as_ref().map(State::to_bucket) else {
            return Ok(Outcome::Refused(None));
        };
        if !holds(&state, update) {
            return Ok(Outcome::Refused(Some(state)));
        }
        apply(&mut state, update)?;
        slot.bucket = Some(State::from_bucket(state.clone(), self.buckets.recent(&entry)));
        drop(slot);
        self.buckets.hurry(&entry);
        Ok(Outcome::Applied(state))
    }

    fn try_create(&self, key: &BucketKey, create: &Create) -> Result<Outcome, StoreError> {
        let entry = self.claim(key, &self.home, Limits::unknown(), create.now)?;
        let mut slot = entry.lock();
        let before = slot.bucket.as_ref().map(State::to_bucket);
        if before.as_ref().is_some_and(|state| !state.is_expired(create.now)) {
            return Ok(Outcome::Refused(before));
        }
        let mut state = BucketState::new(create.now);
        state.own_anchor = Some(create.now);
        state.expires_at = create.expires_at;
        state.last_write = Some(create.id.clone());
        state.shard = key.shard;
        state.shard_count = create.shard_count;
        set_lineage(&mut state, create.lineage.as_ref());
        for new in &create.limits {
            state.limits.push(limit_state(&state, new)?);
        }
        slot.bucket = Some(State::from_bucket(state.clone(), self.buckets.recent(&entry)));
        drop(slot);
        self.buckets.hurry(&entry);
        Ok(Outcome::Applied(state))
    }

    pub(super) fn try_read(&self, key: &BucketKey) -> Option<BucketState> {
        let entry = self.buckets.find(key.parts().into())?;
        let slot = entry.lock();
        slot.bucket.as_ref().map(State::to_bucket)
    }
}

/// Returns the error of a store that is full of buckets in use.
pub(super) fn full() -> StoreError {
    StoreError::new(StoreErrorKind::Full, "the memory store is full of buckets in use")
}

impl Store for MemoryStore {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        Box::pin(ready(Ok(self.try_read(bucket))))
    }

    fn update<'a>(&'a self, bucket: &'a BucketKey, update: &'a Update) -> StoreFuture<'a, Outcome> {
        Box::pin(ready(self.try_update(bucket, update)))
    }

    fn create<'a>(&'a self, bucket: &'a BucketKey, create: &'a Create) -> StoreFuture<'a, Outcome> {
        Box::pin(ready(self.try_create(bucket, create)))
    }

    fn transact<'a>(&'a self, updates: &'a [(BucketKey, Update)]) -> StoreFuture<'a, bool> {
        Box::pin(ready(self.try_transact(updates)))
    }

    fn split<'a>(&'a self, bucket: &'a BucketKey, split: &'a Split) -> StoreFuture<'a, bool> {
        Box::pin(ready(self.try_split(bucket, split)))
    }

    fn records(&self) -> Option<&dyn Records> {
        Some(self)
    }

    fn diagnostics(&self) -> Option<&dyn Diagnostics> {
        Some(self)
    }
}

impl Diagnostics for MemoryStore {
    fn ping(&self) -> StoreFuture<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    /// Returns the number of buckets. The other fields stay empty.
    fn describe(&self) -> StoreFuture<'_, StoreStatus> {
        let status = StoreStatus { items: u64::try_from(self.len()).ok(), ..StoreStatus::default() };
        Box::pin(ready(Ok(status)))
    }
}

/// Returns `true` if every condition of the update holds.
pub(super) fn holds(state: &BucketState, update: &Update) -> bool {
    let guarded = match &update.guard {
        Guard::None => true,
        Guard::NotLanded(id) => state.last_write.as_ref() != Some(id),
    };
    guarded
        && !state.is_expired(update.now)
        && update.shard_count.is_none_or(|count| count == state.shard_count)
        && update.anchor.seen().is_none_or(|seen| state.refilled_at == seen)
        && update.stamps.holds(state.stamps.as_deref().unwrap_or(&Stamps::default()), update.now)
        && update.lines.iter().all(|line| state.limit(&line.limit).is_some_and(|limit| line_holds(limit, line)))
        && update.added.iter().all(|new| state.limit(&new.limit).is_none())
        && (update.lineage.is_none() || (state.parent.is_none() && !state.stamped))
}

fn line_holds(limit: &LimitState, line: &Line) -> bool {
    line.holds(limit.level.tokens) && line.expected.is_none_or(|expected| limit.parameters == expected)
}

/// Applies the update to the state. Its conditions must hold.
pub(crate) fn apply(state: &mut BucketState, update: &Update) -> Result<(), StoreError> {
    state.last_write = Some(update.id.clone());
    if let Some(to) = update.anchor.moves_to() {
        state.refilled_at = to;
        state.own_anchor = Some(to);
    }
    match update.expiry {
        Expiry::Keep => {}
        Expiry::At(seconds) => state.expires_at = Some(seconds),
        Expiry::Never => state.expires_at = None,
    }
    set_lineage(state, update.lineage.as_ref());
    if let (Validity::Ends(_), Some(stamps)) = (update.stamps.validity, &mut state.stamps) {
        stamps.valid_until = None;
    }
    let shard = (state.shard, state.shard_count);
    for line in &update.lines {
        let Some(limit) = state.limits.iter_mut().find(|limit| limit.name == line.limit) else {
            continue;
        };
        limit.level.tokens = changed(limit.level.tokens, line.tokens);
        limit.consumed = limit.consumed.saturating_add(line.consumed);
        if let Some(remainder) = line.remainder {
            limit.level.remainder = remainder;
        }
        if let Some(parameters) = line.parameters {
            *limit =
                LimitState::new(limit.name.clone(), parameters, shard, limit.level, limit.consumed).map_err(corrupt)?;
        }
    }
    for new in &update.added {
        state.limits.push(limit_state(state, new)?);
    }
    Ok(())
}

fn set_lineage(state: &mut BucketState, lineage: Option<&Lineage>) {
    if let Some(lineage) = lineage {
        state.parent = Some(lineage.parent.clone());
        state.cascade = lineage.cascade;
    }
}

fn limit_state(state: &BucketState, new: &NewLimit) -> Result<LimitState, StoreError> {
    LimitState::new(new.limit.clone(), new.parameters, (state.shard, state.shard_count), new.level, new.consumed)
        .map_err(corrupt)
}

fn changed(tokens: i64, change: TokenChange) -> i64 {
    match change {
        TokenChange::Add(amount) => tokens.saturating_add(amount),
        TokenChange::Set(amount) => amount,
    }
}

pub(super) fn corrupt(error: crate::model::InvalidParameters) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error.to_string()).with_source(error)
}
