//! The memory store, used as one item.

use std::task::{Context, Poll, Waker};

use tollgate::{
    LimitName,
    model::{
        BucketKey, BucketState, Create, Level, LimitState, NewLimit, Parameters, Update, WriteId,
    },
    store::{MemoryStore, Store, StoreFuture, WriteOutcome},
};

/// The start of every history, epoch ms.
pub(super) const START: i64 = 1_000_000_000_000;

pub(super) const NAMES: [&str; 3] = ["a", "b", "c"];

pub(super) fn name(text: &str) -> LimitName {
    LimitName::new(text).unwrap()
}

/// Returns a limit that was last refilled at the anchor.
pub(super) fn limit(limit: &str, tokens: i64, (cp, ra, rp): (i64, i64, i64)) -> LimitState {
    let parameters = Parameters::new(cp, ra, rp).unwrap();
    LimitState::new(name(limit), parameters, (0, 1), Level::new(tokens, 0), 0).unwrap()
}

/// Returns a bucket whose anchor is `age` ms old when a history begins.
pub(super) fn bucket<const N: usize>(age: i64, limits: [LimitState; N]) -> BucketState {
    BucketState::new(START - age).with_limits(limits)
}

/// One item in the memory store.
pub(super) struct Item {
    store: MemoryStore,
    key: BucketKey,
}

impl Item {
    /// Creates the item of a bucket, and returns its first image.
    pub(super) fn new(state: &BucketState) -> (Self, BucketState) {
        let key = BucketKey::new("e".try_into().unwrap(), "r".try_into().unwrap());
        let limits = state.limits().iter().map(|limit| {
            let LimitState {
                name,
                parameters,
                level,
                consumed,
                ..
            } = limit.clone();
            NewLimit::new(name, parameters, level).with_consumed(consumed)
        });
        let mut create = Create::new(WriteId::from_number(0), state.refilled_at, limits);
        create.expires_at = state.expires_at;
        let item = Self {
            store: MemoryStore::new(),
            key,
        };
        let WriteOutcome::Applied(image) = ready(item.store.create(&item.key, &create)) else {
            panic!("refused")
        };
        (item, image)
    }

    /// Executes a write. Returns true if it was applied, and the image from its answer.
    pub(super) fn execute(&self, update: &Update) -> (bool, BucketState) {
        match ready(self.store.update(&self.key, update)) {
            WriteOutcome::Applied(image) => (true, image),
            WriteOutcome::Refused(image) => (false, image.unwrap()),
        }
    }

    /// Executes a write that must be applied.
    pub(super) fn apply(&self, update: &Update) -> BucketState {
        let (done, image) = self.execute(update);
        assert!(done, "refused: {update:?} {image:?}");
        image
    }

    pub(super) fn store(&self) -> &MemoryStore {
        &self.store
    }

    pub(super) fn key(&self) -> &BucketKey {
        &self.key
    }

    pub(super) fn read(&self) -> BucketState {
        ready(self.store.read(&self.key)).unwrap()
    }
}

/// Returns the result of a future of the memory store, which is ready at the first poll.
pub(super) fn ready<T>(mut future: StoreFuture<'_, T>) -> T {
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(result) => result.unwrap(),
        Poll::Pending => panic!("the memory store waits"),
    }
}

/// Returns the level of a limit at `at` (epoch ms), in millitokens.
pub(super) fn level(state: &BucketState, limit: &str, at: i64) -> i64 {
    let known = state.limit(&name(limit)).unwrap();
    known
        .rule_at(at)
        .refill(known.level, at - state.refilled_at)
        .tokens
}
