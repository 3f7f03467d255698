//! The compact image of a gate at rest: the numbers of its bucket. Names, parameters and the parent
//! are shared with other buckets of the same kind.

#[cfg(test)]
mod tests;

use crate::{
    limiter::{
        gate::{
            interner::{Interner, SharedParts},
            state::{GateState, Seen},
        },
        terms::ConfigVersion,
    },
    model::{BucketState, Level, LimitState},
};

/// The numbers of a bucket. Times are epoch ms unless they say otherwise, amounts millitokens.
#[derive(Debug)]
pub(crate) struct CompactImage {
    /// `None` if there was no bucket, or if that is not known.
    kind: Option<SharedParts>,
    absent: bool,
    seen_at: i64,
    version: ConfigVersion,
    refilled_at: i64,
    /// Epoch seconds.
    expires_at: i64,
    /// The time at which a Python client was last seen, epoch seconds.
    peer_at: u32,
    /// The largest amount that one request has asked for, as a [`part`] of the limit's capacity.
    /// The field holds the largest such part among all limits.
    most_asked: u32,
    first: Numbers,
    /// The numbers of the limits after the first.
    others: Box<[Numbers]>,
}

/// The level of a limit, and its consumption in the last image that a write of the gate returned. A
/// quota has the end of its period in place of the remainder, which is always 0.
type Numbers = (Level, i64);

/// The expiry of a bucket that never expires.
const NEVER: i64 = i64::MIN;

/// Stands for the first end of a period, as the time until which the bucket is valid.
const FIRST_END: i64 = i64::MIN;

/// The consumption of a limit that no write of the gate has shown.
const UNKNOWN: i64 = i64::MIN;

/// The part that stands for the whole capacity. This part is a power of two, like the number of
/// shards, so that parts for a number of shards are exact.
const WHOLE: i64 = 1 << 31;

/// Returns `amount` as a part of `capacity`, rounded up.
fn part(amount: i64, capacity: i64) -> u32 {
    let (amount, capacity) = (i128::from(amount.max(0)), i128::from(capacity.max(1)));
    let part = (amount * i128::from(WHOLE) + capacity - 1) / capacity;
    u32::try_from(part.min(i128::from(WHOLE))).unwrap_or(u32::MAX)
}

/// Returns the amount that is `part` of `capacity`, rounded up.
fn amount(part: u32, capacity: i64) -> i64 {
    let amount = (i128::from(part) * i128::from(capacity.max(0)) + i128::from(WHOLE) - 1)
        / i128::from(WHOLE);
    i64::try_from(amount).unwrap_or(i64::MAX)
}

impl CompactImage {
    /// Creates the record of a gate. `before` is the last record of the same gate, mostly of the
    /// same kind.
    pub(super) fn of(mut state: GateState, before: Option<&Self>, interner: &Interner) -> Self {
        let mut record = Self {
            kind: None,
            absent: matches!(state.seen, Seen::Absent),
            seen_at: state.seen_at,
            version: state.version,
            refilled_at: 0,
            expires_at: NEVER,
            peer_at: u32::try_from(state.others.peer_at / 1000).unwrap_or(0),
            most_asked: 0,
            first: Numbers::default(),
            others: Box::default(),
        };
        let Seen::Present(mut bucket) = std::mem::take(&mut state.seen) else {
            return record;
        };
        let asked =
            |limit: &LimitState| part(state.most_asked(&limit.name), limit.parameters.capacity());
        record.most_asked = bucket.limits.iter().map(asked).max().unwrap_or(0);
        record.refilled_at = std::mem::take(&mut bucket.refilled_at);
        record.expires_at = bucket.expires_at.take().unwrap_or(NEVER);
        let consumed = state
            .others
            .consumed
            .iter()
            .copied()
            .chain(std::iter::repeat(UNKNOWN));
        let first_end = bucket.first_end();
        if first_end.is_some() && bucket.valid_until() == first_end {
            bucket.set_valid_until(Some(FIRST_END));
        }
        let mut numbers = bucket
            .limits
            .iter_mut()
            .zip(consumed)
            .map(|(limit, consumed)| {
                limit.consumed = 0;
                let mut level = std::mem::take(&mut limit.level);
                if let Some(period) = &mut limit.period {
                    level.remainder = std::mem::take(&mut period.ends_at);
                }
                limit.forget_anchor();
                (level, consumed)
            });
        record.first = numbers.next().unwrap_or_default();
        record.others = numbers.collect();
        bucket.last_write = None;
        bucket.own_anchor = None;
        // Each entity has one of its own, so it would not be shared. The next write shows it again.
        bucket.stamp = None;
        if let Some(pressure) = &mut bucket.pressure {
            // These numbers are not kept. A gate that writes the item often soon sees them again.
            pressure.level = Level {
                tokens: pressure.rule.capacity(),
                remainder: 0,
            };
            pressure.consumed = 0;
        }
        let known = before
            .and_then(|before| before.kind.as_ref())
            .filter(|kind| ***kind == bucket);
        record.kind = Some(known.cloned().unwrap_or_else(|| interner.shared(bucket)));
        record
    }

    /// Returns the state that the record keeps.
    pub(super) fn wake(&self) -> GateState {
        let mut state = GateState {
            seen_at: self.seen_at,
            version: self.version,
            ..GateState::default()
        };
        state.others.peer_at = i64::from(self.peer_at) * 1000;
        let Some(kind) = &self.kind else {
            state.seen = if self.absent {
                Seen::Absent
            } else {
                Seen::Unknown
            };
            return state;
        };
        let mut bucket = BucketState::clone(kind);
        bucket.set_anchor(self.refilled_at);
        bucket.expires_at = (self.expires_at != NEVER).then_some(self.expires_at);
        let numbers = std::iter::once(&self.first).chain(&self.others);
        for (limit, (level, consumed)) in bucket.limits.iter_mut().zip(numbers) {
            limit.level = *level;
            if let Some(period) = &mut limit.period {
                period.ends_at = std::mem::take(&mut limit.level.remainder);
            }
            if *consumed != UNKNOWN {
                state.others.consumed.push(*consumed);
            }
            if self.most_asked > 0 {
                state.most_asked.push((
                    limit.name.clone(),
                    amount(self.most_asked, limit.parameters.capacity()),
                ));
            }
        }
        if bucket.valid_until() == Some(FIRST_END) {
            bucket.set_valid_until(bucket.first_end());
        }
        state.seen = Seen::Present(bucket);
        state
    }
}
