//! What is kept of a gate at rest: the numbers of its bucket. Names, parameters and the parent are shared with
//! others of its kind.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;

use super::state::{GateState, Seen};
use crate::model::{BucketState, Level};

/// What buckets have in common: one of them, without its numbers.
type Kind = Arc<BucketState>;

/// How many kinds are kept to be shared.
const KINDS: usize = 16;

/// The kinds that gates came to rest with last.
#[derive(Debug, Default)]
pub(in crate::limiter) struct Kinds(Mutex<Vec<Kind>>);

impl Kinds {
    fn shared(&self, like: BucketState) -> Kind {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kind) = kinds.iter().find(|kind| ***kind == like) {
            return kind.clone();
        }
        if kinds.len() == KINDS {
            kinds.remove(0);
        }
        let kind = Arc::new(like);
        kinds.push(kind.clone());
        kind
    }
}

/// What is kept, boxed by how much that is: nearly all buckets are alike, and there may be millions of them.
#[derive(Debug, Default)]
pub(in crate::limiter) enum Record {
    /// Nothing was ever heard of the bucket.
    #[default]
    Nothing,
    /// It is not known, or there was none.
    Unseen(Box<Unseen>),
    /// It has one limit.
    Plain(Box<Plain>),
    /// It has more.
    Rich(Box<Rich>),
}

#[derive(Debug)]
pub(in crate::limiter) struct Unseen {
    /// Whether there was none.
    absent: bool,
    seen_at: i64,
    changed_at: i64,
}

#[derive(Debug)]
pub(in crate::limiter) struct Plain {
    kind: Kind,
    seen_at: i64,
    changed_at: i64,
    refilled_at: i64,
    /// Of the first limit; of nothing, in a bucket without limits.
    level: Level,
    /// Consumed of the first limit, as the gate's own writes have shown it.
    consumed: i64,
    /// The most that one request has asked, as a [`part`] of a limit's capacity: of whichever it is the
    /// greatest part.
    most_asked: u32,
    /// Epoch seconds; 0 where it has no end, or one that finds no room here.
    expires_at: u32,
    /// When a Python client was seen: epoch seconds.
    peer_at: u32,
}

#[derive(Debug)]
pub(in crate::limiter) struct Rich {
    plain: Plain,
    /// Epoch seconds.
    expires_at: Option<i64>,
    /// Of the limits after the first, and what was consumed of them.
    others: SmallVec<[(Level, i64); 1]>,
}

/// The consumption of a limit that no write of the gate's own has shown.
const UNKNOWN: i64 = i64::MIN;

/// The whole of a capacity. A power of two, as shard counts are: nothing is lost where a capacity is
/// exactly so many times what is asked.
const WHOLE: i64 = 1 << 31;

/// The part of `capacity` that `amount` is, rounded up.
fn part(amount: i64, capacity: i64) -> u32 {
    let (amount, capacity) = (i128::from(amount.max(0)), i128::from(capacity.max(1)));
    let part = (amount * i128::from(WHOLE) + capacity - 1) / capacity;
    u32::try_from(part.min(i128::from(WHOLE))).unwrap_or(u32::MAX)
}

/// That part of `capacity`, rounded up.
fn amount(part: u32, capacity: i64) -> i64 {
    let amount = (i128::from(part) * i128::from(capacity.max(0)) + i128::from(WHOLE) - 1) / i128::from(WHOLE);
    i64::try_from(amount).unwrap_or(i64::MAX)
}

impl Record {
    /// What the gate knew.
    pub(super) fn wake(&self) -> GateState {
        match self {
            Self::Nothing => GateState::default(),
            Self::Unseen(unseen) => {
                let Unseen { absent, seen_at, changed_at } = **unseen;
                let seen = if absent { Seen::Absent } else { Seen::Unknown };
                GateState { seen, seen_at, changed_at, ..GateState::default() }
            }
            Self::Plain(plain) => {
                let expires_at = (plain.expires_at != 0).then_some(i64::from(plain.expires_at));
                plain.wake(&[], expires_at)
            }
            Self::Rich(rich) => rich.plain.wake(&rich.others, rich.expires_at),
        }
    }

    /// `before` is what it was the last time: mostly of the same kind, and in its place.
    pub(super) fn of(mut state: GateState, before: Self, kinds: &Kinds) -> Self {
        let (seen_at, changed_at) = (state.seen_at, state.changed_at);
        let mut bucket = match std::mem::take(&mut state.seen) {
            Seen::Present(bucket) => bucket,
            Seen::Absent => return Self::Unseen(Box::new(Unseen { absent: true, seen_at, changed_at })),
            Seen::Unknown => return Self::Unseen(Box::new(Unseen { absent: false, seen_at, changed_at })),
        };
        let most_asked =
            bucket.limits.iter().map(|limit| part(state.most_asked(&limit.name), limit.parameters.capacity()));
        let most_asked = most_asked.max().unwrap_or(0);
        let consumed = std::mem::take(&mut state.others.consumed);
        let consumed = consumed.into_iter().chain(std::iter::repeat(UNKNOWN));
        let mut levels = bucket.limits.iter_mut().zip(consumed).map(|(limit, consumed)| {
            limit.consumed = 0;
            (std::mem::take(&mut limit.level), consumed)
        });
        let (level, consumed) = levels.next().unwrap_or_default();
        let others: SmallVec<[(Level, i64); 1]> = levels.collect();
        bucket.last_write = None;
        bucket.own_anchor = None;
        if let Some(pressure) = &mut bucket.pressure {
            // Measured anew, by whoever writes it often.
            pressure.level = Level { tokens: pressure.rate.capacity(), remainder: 0 };
            pressure.consumed = 0;
        }
        let refilled_at = std::mem::take(&mut bucket.refilled_at);
        let expires_at = bucket.expires_at.take();
        // What means none must not stand for one.
        let short = expires_at.map_or(Some(0), |at| u32::try_from(at).ok().filter(|at| *at != 0));
        let kind = match before.kind() {
            Some(kind) if **kind == bucket => kind.clone(),
            _ => kinds.shared(bucket),
        };
        let plain = Plain {
            kind,
            seen_at,
            changed_at,
            refilled_at,
            level,
            consumed,
            most_asked,
            expires_at: short.unwrap_or_default(),
            peer_at: u32::try_from(state.others.peer_at / 1000).unwrap_or(0),
        };
        if short.is_some() && others.is_empty() {
            return match before {
                Self::Plain(place) => Self::Plain(put(place, plain)),
                _ => Self::Plain(Box::new(plain)),
            };
        }
        let mut rich = Rich { plain, expires_at, others };
        rich.others.shrink_to_fit();
        match before {
            Self::Rich(place) => Self::Rich(put(place, rich)),
            _ => Self::Rich(Box::new(rich)),
        }
    }

    fn kind(&self) -> Option<&Kind> {
        match self {
            Self::Nothing | Self::Unseen(_) => None,
            Self::Plain(plain) => Some(&plain.kind),
            Self::Rich(rich) => Some(&rich.plain.kind),
        }
    }
}

/// Puts it where the one before was.
fn put<T>(mut place: Box<T>, value: T) -> Box<T> {
    *place = value;
    place
}

impl Plain {
    fn wake(&self, others: &[(Level, i64)], expires_at: Option<i64>) -> GateState {
        let (seen_at, changed_at) = (self.seen_at, self.changed_at);
        let mut state = GateState { seen_at, changed_at, ..GateState::default() };
        state.others.peer_at = i64::from(self.peer_at) * 1000;
        let mut bucket = BucketState::clone(&self.kind);
        bucket.refilled_at = self.refilled_at;
        bucket.expires_at = expires_at;
        let levels = std::iter::once((self.level, self.consumed)).chain(others.iter().copied());
        for (limit, (level, consumed)) in bucket.limits.iter_mut().zip(levels) {
            limit.level = level;
            if consumed != UNKNOWN {
                state.others.consumed.push(consumed);
            }
            if self.most_asked > 0 {
                state.most_asked.push((limit.name.clone(), amount(self.most_asked, limit.parameters.capacity())));
            }
        }
        state.seen = Seen::Present(bucket);
        state
    }
}
