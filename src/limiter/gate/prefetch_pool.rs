//! Tokens that one process has taken from a bucket before requests ask for them.

use std::collections::VecDeque;

use crate::{
    limiter::terms::{Amounts, Prefetch},
    model::{Limit, Limits, Resource, plan::LedgerDelta},
    telemetry::HeldAhead,
};

/// The least number of requests in an interval for which tokens are prefetched. With fewer
/// requests, most of a chunk goes back unused: that costs two writes instead of one. If thousands
/// of processes do that, it uses the whole throughput of an item (`docs/fleet.md`).
const ASKED_OFTEN: u32 = 3;

/// The tokens that are held for one bucket, and the demand that decides how many to hold. Amounts
/// are in millitokens, in the order of the limits; times are epoch ms.
#[derive(Debug)]
pub(crate) struct PrefetchPool {
    limits: Limits,
    /// The prefetched chunks, oldest first. All of them were charged in the same periods.
    chunks: VecDeque<Chunk>,
    /// The [id](crate::model::Period::id) of the period of each quota in which the chunks were
    /// charged; 0 for a token bucket.
    periods: Amounts,
    /// The sum of all chunks.
    held: Amounts,
    /// The full amounts of the last chunk.
    last: Amounts,
    /// The amounts asked for since `since`, and in the interval before.
    asked: Amounts,
    before: Amounts,
    /// The number of requests since `since`, and in the interval before.
    requests: u32,
    requests_before: u32,
    since: i64,
    used_at: i64,
    /// `true` if a chunk was asked for and has not come yet.
    pub(crate) filling: bool,
    /// `true` if a task runs that gives back tokens that nobody uses.
    pub(crate) kept: bool,
    reported: HeldAhead,
}

#[derive(Debug)]
struct Chunk {
    left: Amounts,
    until: i64,
}

impl PrefetchPool {
    pub(crate) fn new(resource: &Resource, limits: &Limits, now: i64) -> Self {
        let none: Amounts = limits.iter().map(|_| 0).collect();
        Self {
            limits: limits.clone(),
            chunks: VecDeque::new(),
            held: none.clone(),
            last: none.clone(),
            asked: none.clone(),
            before: none.clone(),
            periods: none,
            requests: 0,
            requests_before: 0,
            since: now,
            used_at: now,
            filling: false,
            kept: false,
            reported: HeldAhead::new(resource, limits),
        }
    }

    /// Returns `true` if the pool holds tokens of these limits.
    pub(crate) fn is_of(&self, limits: &Limits) -> bool {
        self.limits.same(limits)
    }

    /// Returns what all chunks together hold of each limit.
    pub(crate) fn held(&self) -> &Amounts {
        &self.held
    }

    /// Returns the periods in which the chunks were charged.
    pub(crate) fn periods(&self) -> &Amounts {
        &self.periods
    }

    /// Returns `true` if no chunk is held.
    pub(crate) fn is_drained(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Returns `true` if nobody has asked for tokens during the last interval.
    pub(crate) fn is_unused(&self, prefetch: Prefetch, now: i64) -> bool {
        now.saturating_sub(self.used_at) >= prefetch.interval_millis()
    }

    /// Starts again with other limits, of which nothing is held yet.
    pub(crate) fn begin_anew(&mut self, resource: &Resource, limits: &Limits, now: i64) {
        let (filling, kept) = (self.filling, self.kept);
        *self = Self {
            filling,
            kept,
            ..Self::new(resource, limits, now)
        };
    }

    /// Notes a request, and takes `amounts` from the oldest chunks. Returns `false` if a limit has
    /// too few tokens.
    pub(crate) fn serve(&mut self, amounts: &[i64], prefetch: Prefetch, now: i64) -> bool {
        self.note(amounts, prefetch, now);
        let served = self.take(amounts);
        self.reported.set(&self.held);
        served
    }

    fn note(&mut self, amounts: &[i64], prefetch: Prefetch, now: i64) {
        let passed = now.saturating_sub(self.since);
        if passed >= prefetch.interval_millis() {
            // If two intervals have passed, nobody asked in the last one.
            let recent = passed < prefetch.interval_millis().saturating_mul(2);
            let none = self.asked.iter().map(|_| 0).collect();
            self.before = if recent {
                std::mem::replace(&mut self.asked, none)
            } else {
                none
            };
            self.asked.fill(0);
            self.requests_before = if recent { self.requests } else { 0 };
            self.requests = 0;
            self.since = now;
        }
        self.used_at = now;
        self.requests = self.requests.saturating_add(1);
        add(&mut self.asked, amounts);
    }

    fn take(&mut self, amounts: &[i64]) -> bool {
        if self
            .held
            .iter()
            .zip(amounts)
            .any(|(held, amount)| held < amount)
            || self.chunks.is_empty()
        {
            return false;
        }
        for (index, amount) in amounts.iter().enumerate() {
            let mut missing = *amount;
            self.held[index] -= missing;
            for chunk in &mut self.chunks {
                let part = missing.min(chunk.left[index]);
                chunk.left[index] -= part;
                missing -= part;
                if missing == 0 {
                    break;
                }
            }
        }
        while self
            .chunks
            .front()
            .is_some_and(|chunk| chunk.left.iter().all(|left| *left == 0))
        {
            self.chunks.pop_front();
        }
        true
    }

    /// Returns `true` if the chunks that have not expired at `now` cover all `amounts`.
    pub(crate) fn holds(&self, limits: &Limits, amounts: &[i64], now: i64) -> bool {
        let chunks = || self.chunks.iter().filter(|chunk| chunk.until > now);
        let held = |index: usize| chunks().map(|chunk| chunk.left[index]).sum::<i64>();
        let enough = || {
            amounts
                .iter()
                .enumerate()
                .all(|(index, amount)| held(index) >= *amount)
        };
        self.limits.same(limits) && chunks().next().is_some() && enough()
    }

    /// Adds a chunk that was charged in `periods` and expires at `until`. Chunks of other periods
    /// are given back. Returns their number.
    pub(crate) fn put(
        &mut self,
        amounts: Amounts,
        periods: Amounts,
        until: i64,
        pending: &mut LedgerDelta,
    ) -> u64 {
        let others = self.periods != periods;
        let released = if others {
            self.release(pending, i64::MIN, true)
        } else {
            0
        };
        self.periods = periods;
        add(&mut self.held, &amounts);
        // If nothing of a limit was taken, the tokens that are held count as its chunk.
        let last = amounts
            .iter()
            .zip(&self.held)
            .map(|(amount, held)| if *amount > 0 { *amount } else { *held });
        self.last = last.collect();
        self.chunks.push_back(Chunk {
            left: amounts,
            until,
        });
        self.reported.set(&self.held);
        released
    }

    /// Gives back the chunks that have expired at `now`, or all chunks if `all`. Returns their
    /// number.
    pub(crate) fn release(&mut self, pending: &mut LedgerDelta, now: i64, all: bool) -> u64 {
        let mut released = 0;
        while self
            .chunks
            .front()
            .is_some_and(|chunk| all || chunk.until <= now)
        {
            let Some(chunk) = self.chunks.pop_front() else {
                break;
            };
            let left = chunk.left.iter().zip(&self.periods);
            for (index, (limit, (left, period))) in self.limits.iter().zip(left).enumerate() {
                self.held[index] -= left;
                pending.settle_in(limit.name(), left.saturating_neg(), *period);
            }
            released += 1;
        }
        self.reported.set(&self.held);
        released
    }

    /// Settles `differences` of charges in `periods` with what is held, as far as possible. Of the
    /// tokens that leases give back, up to the size of a chunk is kept, if they were charged in the
    /// period of the chunks. The rest stays in `differences`.
    pub(crate) fn settle(&mut self, differences: &mut Amounts, periods: &[i64]) {
        let Some(newest) = self.chunks.back_mut() else {
            return;
        };
        let same = self.periods.iter().zip(periods).map(|(own, of)| own == of);
        let chunks = self.held.iter_mut().zip(&mut newest.left).zip(&self.last);
        let differences = differences.iter_mut().zip(same);
        for ((difference, same), ((held, left), last)) in differences.zip(chunks) {
            if *difference < 0 && !same {
                continue;
            }
            // Take from the newest chunk, or put into it, because it expires last.
            let room = last.saturating_sub(*held).max(0);
            let taken = (*difference).clamp(-room, (*left).max(0));
            *left -= taken;
            *held -= taken;
            *difference -= taken;
        }
        self.reported.set(&self.held);
    }

    /// Returns the chunk to take now from a bucket that has `room` for each limit. Returns `None`
    /// if no chunk is due, or if it would not serve a request of `amounts`.
    pub(crate) fn chunk(
        &self,
        amounts: &[i64],
        room: impl Fn(&Limit) -> Option<i128>,
    ) -> Option<(Limits, Amounts)> {
        if self.requests.max(self.requests_before) < ASKED_OFTEN || !self.runs_out() {
            return None;
        }
        // Take the same share of what each limit needs. The scarcest limit decides the share.
        let (mut part, mut whole) = (1i128, 1i128);
        let wants: Amounts = self
            .need()
            .iter()
            .zip(&self.held)
            .map(|(need, held)| need.saturating_sub(*held).max(0))
            .collect();
        for (limit, want) in self
            .limits
            .iter()
            .zip(&wants)
            .filter(|(_, want)| **want > 0)
        {
            let (room, want) = (room(limit)?, i128::from(*want));
            if room * whole < part * want {
                (part, whole) = (room, want);
            }
        }
        let scaled = |want: &i64| i64::try_from(i128::from(*want) * part / whole).unwrap_or(0);
        let chunk: Amounts = wants.iter().map(scaled).collect();
        // A chunk is of no use if it does not serve one request together with what is held.
        let both = chunk
            .iter()
            .zip(&self.held)
            .map(|(chunk, held)| chunk.saturating_add(*held));
        let useful = both.zip(amounts).all(|(both, amount)| both >= *amount);
        (useful && chunk.iter().any(|chunk| *chunk > 0)).then(|| (self.limits.clone(), chunk))
    }

    /// Returns the amounts that an interval needs, by what was asked for in this interval and in
    /// the one before.
    fn need(&self) -> Amounts {
        self.asked
            .iter()
            .zip(&self.before)
            .map(|(asked, before)| *asked.max(before))
            .collect()
    }

    fn runs_out(&self) -> bool {
        let need = self.need();
        let low = |((held, last), need): ((&i64, &i64), &i64)| {
            *need > 0 && *held <= (*last).min(*need) / 2
        };
        !self.filling && self.held.iter().zip(&self.last).zip(&need).any(low)
    }
}

fn add(amounts: &mut Amounts, more: &[i64]) {
    for (amount, more) in amounts.iter_mut().zip(more) {
        *amount = amount.saturating_add(*more);
    }
}
