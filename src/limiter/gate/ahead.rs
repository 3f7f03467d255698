//! Tokens that were taken ahead: what a gate holds, grants from, and gives back.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{
    super::{bucket::Verdict, charge::Mode, lease::Amounts, prefetch::Prefetch},
    Gate,
    rest::Locked,
    state::{GateState, Waiter},
};
use crate::{
    model::{
        Limits, Resource,
        plan::{self, Changes},
    },
    telemetry::HeldAhead,
};

/// How often a process must ask within an interval before tokens are taken ahead for it. Below, a chunk
/// mostly goes back unused: two writes instead of one, and where thousands of processes do so an item's
/// whole throughput (`docs/fleet.md`).
const ASKED_OFTEN: u32 = 3;

/// How often it is looked after what is held, at most.
const LEAST_PERIOD: Duration = Duration::from_millis(1);

/// What a gate has taken ahead.
#[derive(Debug)]
pub(super) struct Ahead {
    limits: Limits,
    /// Oldest first.
    chunks: VecDeque<Chunk>,
    /// What all chunks together hold.
    held: Amounts,
    /// What the last chunk was.
    last: Amounts,
    /// What was asked for since `since`, and in the interval before.
    asked: Amounts,
    before: Amounts,
    /// How many requests that was.
    requests: u32,
    requests_before: u32,
    since: i64,
    /// When somebody asked last.
    used_at: i64,
    /// Whether a chunk is on its way.
    filling: bool,
    /// Whether a task gives back what nobody uses.
    kept: bool,
    reported: HeldAhead,
}

#[derive(Debug)]
struct Chunk {
    left: Amounts,
    until: i64,
}

impl Ahead {
    fn new(resource: &Resource, limits: &Limits, now: i64) -> Self {
        let none: Amounts = limits.iter().map(|_| 0).collect();
        Self {
            limits: limits.clone(),
            chunks: VecDeque::new(),
            held: none.clone(),
            last: none.clone(),
            asked: none.clone(),
            before: none,
            requests: 0,
            requests_before: 0,
            since: now,
            used_at: now,
            filling: false,
            kept: false,
            reported: HeldAhead::new(resource, limits),
        }
    }

    /// Tells the metrics what is held by now.
    fn report(&mut self) {
        self.reported.set(&self.held);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && !self.filling
    }

    /// Notes that somebody asks.
    fn note(&mut self, amounts: &[i64], prefetch: Prefetch, now: i64) {
        let passed = now.saturating_sub(self.since);
        if passed >= prefetch.interval_millis() {
            // Nobody asked in the interval before, where more than two have passed.
            let recent = passed < prefetch.interval_millis().saturating_mul(2);
            let none = self.asked.iter().map(|_| 0).collect();
            self.before = if recent { std::mem::replace(&mut self.asked, none) } else { none };
            self.asked.fill(0);
            self.requests_before = if recent { self.requests } else { 0 };
            self.requests = 0;
            self.since = now;
        }
        self.used_at = now;
        self.requests = self.requests.saturating_add(1);
        add(&mut self.asked, amounts);
    }

    /// Takes `amounts` from the oldest chunks, if there is enough of all.
    fn take(&mut self, amounts: &[i64]) -> bool {
        if self.held.iter().zip(amounts).any(|(held, amount)| held < amount) || self.chunks.is_empty() {
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
        while self.chunks.front().is_some_and(|chunk| chunk.left.iter().all(|left| *left == 0)) {
            self.chunks.pop_front();
        }
        true
    }

    /// Whether there is enough of all that is not too old at `now`.
    fn holds(&self, limits: &Limits, amounts: &[i64], now: i64) -> bool {
        let chunks = || self.chunks.iter().filter(|chunk| chunk.until > now);
        let held = |index: usize| chunks().map(|chunk| chunk.left[index]).sum::<i64>();
        let enough = || amounts.iter().enumerate().all(|(index, amount)| held(index) >= *amount);
        self.limits.same(limits) && chunks().next().is_some() && enough()
    }

    fn put(&mut self, amounts: Amounts, until: i64) {
        add(&mut self.held, &amounts);
        // Of what nothing had to be taken, as much as there is counts as a chunk.
        let last = amounts.iter().zip(&self.held).map(|(amount, held)| if *amount > 0 { *amount } else { *held });
        self.last = last.collect();
        self.chunks.push_back(Chunk { left: amounts, until });
    }

    /// Gives back what is older than it may be; `all` of it where nobody will use it.
    fn release(&mut self, pending: &mut Changes, now: i64, all: bool) -> u64 {
        let mut released = 0;
        while self.chunks.front().is_some_and(|chunk| all || chunk.until <= now) {
            let Some(chunk) = self.chunks.pop_front() else { break };
            for (index, (limit, left)) in self.limits.iter().zip(&chunk.left).enumerate() {
                self.held[index] -= left;
                pending.settle(limit.name(), left.saturating_neg());
            }
            released += 1;
        }
        released
    }

    /// What an interval needs, by what was asked for in this one and in the one before.
    fn need(&self) -> Amounts {
        self.asked.iter().zip(&self.before).map(|(asked, before)| *asked.max(before)).collect()
    }

    /// Whether it is asked for often enough for taking tokens ahead to pay.
    fn pays(&self) -> bool {
        self.requests.max(self.requests_before) >= ASKED_OFTEN
    }

    /// Whether what is held will soon run out.
    fn runs_out(&self) -> bool {
        let need = self.need();
        let low = |((held, last), need): ((&i64, &i64), &i64)| *need > 0 && *held <= (*last).min(*need) / 2;
        !self.filling && self.held.iter().zip(&self.last).zip(&need).any(low)
    }
}

impl GateState {
    /// Grants from what was taken ahead: what is left then.
    fn serve(
        &mut self,
        resource: &Resource,
        limits: &Limits,
        amounts: &[i64],
        prefetch: Prefetch,
        now: i64,
    ) -> (Option<Amounts>, u64) {
        let ahead = self.ahead_of.get_or_insert_with(|| Box::new(Ahead::new(resource, limits, now)));
        let mut released = 0;
        if !ahead.limits.same(limits) {
            released += ahead.release(&mut self.pending, now, true);
            let (filling, kept) = (ahead.filling, ahead.kept);
            **ahead = Ahead { filling, kept, ..Ahead::new(resource, limits, now) };
        }
        released += ahead.release(&mut self.pending, now, false);
        ahead.note(amounts, prefetch, now);
        let taken = ahead.take(amounts);
        ahead.report();
        if !taken {
            return (None, released);
        }
        let held = ahead.held.clone();
        let left = |(limit, held): (&crate::Limit, &i64)| {
            let state = self.seen.live(now);
            let known = state.and_then(|state| Some((state, state.limit(limit.name())?)));
            let stored = known.map_or(0, |(state, known)| plan::projected(state, known, &self.pending, now).tokens);
            stored.max(0).saturating_add(*held)
        };
        (Some(limits.iter().zip(&held).map(left).collect()), released)
    }

    /// What to take ahead now, if anything.
    fn chunk(&mut self, amounts: &[i64], prefetch: Prefetch, now: i64) -> Option<(Limits, Amounts)> {
        let ahead = self.ahead_of.as_ref().filter(|ahead| ahead.pays() && ahead.runs_out())?;
        let state = self.seen.live(now)?;
        if state.stamps.is_some() {
            // What a peer has stamped may change what tokens are worth.
            return None;
        }
        // The same share of what every limit needs: as much as the scarcest has room for.
        let (mut part, mut whole) = (1i128, 1i128);
        let wants: Amounts =
            ahead.need().iter().zip(&ahead.held).map(|(need, held)| need.saturating_sub(*held).max(0)).collect();
        for (limit, want) in ahead.limits.iter().zip(&wants).filter(|(_, want)| **want > 0) {
            let known = state.limit(limit.name())?;
            let tokens = plan::projected(state, known, &self.pending, now).tokens.max(0);
            let room = i128::from(tokens) * i128::from(prefetch.percent()) / 100;
            let want = i128::from(*want);
            if room * whole < part * want {
                (part, whole) = (room, want);
            }
        }
        let scaled = |want: &i64| i64::try_from(i128::from(*want) * part / whole).unwrap_or(0);
        let chunk: Amounts = wants.iter().map(scaled).collect();
        // Less than one request is of no use, with what there is of it already.
        let together = chunk.iter().zip(&ahead.held).map(|(chunk, held)| chunk.saturating_add(*held));
        let useful = together.zip(amounts).all(|(together, amount)| together >= *amount);
        (useful && chunk.iter().any(|chunk| *chunk > 0)).then(|| (ahead.limits.clone(), chunk))
    }

    /// Settles with what was taken ahead, as far as that goes: no more is kept than a chunk. The rest is
    /// left in `differences`.
    pub(super) fn settle_ahead(&mut self, limits: &Limits, differences: &mut Amounts) {
        let Some(ahead) = self.ahead_of.as_mut().filter(|ahead| ahead.limits.same(limits)) else { return };
        let Some(newest) = ahead.chunks.back_mut() else { return };
        let chunks = ahead.held.iter_mut().zip(&mut newest.left).zip(&ahead.last);
        for (difference, ((held, left), last)) in differences.iter_mut().zip(chunks) {
            // Taken from the newest chunk, or added to it: it lives longest.
            let room = last.saturating_sub(*held).max(0);
            let taken = (*difference).clamp(-room, (*left).max(0));
            *left -= taken;
            *held -= taken;
            *difference -= taken;
        }
        ahead.report();
    }

    /// Whether what was taken ahead has enough of all.
    pub(super) fn holds_ahead(&self, limits: &Limits, amounts: &[i64], now: i64) -> bool {
        self.ahead_of.as_ref().is_some_and(|ahead| ahead.holds(limits, amounts, now))
    }
}

impl Gate {
    /// Grants `amounts` from what was taken ahead, and takes more where that will soon run out. What is
    /// left then; the lock again where there is not enough.
    pub(super) fn serve_ahead<'a>(
        self: &'a Arc<Self>,
        mut state: Locked<'a>,
        limits: &Limits,
        mode: &Mode,
        amounts: &Amounts,
        prefetch: Prefetch,
        now: i64,
    ) -> Result<Amounts, Locked<'a>> {
        let (left, released) = state.serve(&self.key.resource, limits, amounts, prefetch, now);
        self.context.prefetched.served(left.is_some(), released);
        if released > 0 {
            self.flush_later(state, self.context.settings.flush_after);
            state = self.lock();
        }
        // Without tokens at hand the request is on its way itself: the chunk rides along after it.
        let Some(left) = left else { return Err(state) };
        self.take_ahead(state, mode, amounts, prefetch, now);
        Ok(left)
    }

    /// Takes a chunk, if one is due.
    pub(super) fn take_ahead(
        self: &Arc<Self>,
        mut state: Locked<'_>,
        mode: &Mode,
        amounts: &[i64],
        prefetch: Prefetch,
        now: i64,
    ) {
        let Some((limits, chunk)) = state.chunk(amounts, prefetch, now) else { return };
        let (reply, answer) = oneshot::channel();
        if let Some(ahead) = &mut state.ahead_of {
            ahead.filling = true;
        }
        state.queue.push_back(Waiter::new(&limits, &mode.impatient(), chunk, None, reply));
        self.take_off(state);
        let gate = self.clone();
        self.context.background.spawn(async move {
            let granted = match answer.await {
                Ok(Verdict::Granted(grant)) => grant.into_ahead(),
                _ => None,
            };
            gate.context.prefetched.filled(granted.is_some());
            let now = gate.context.clock.now();
            let mut state = gate.lock();
            let Some(ahead) = &mut state.ahead_of else { return };
            ahead.filling = false;
            let Some(granted) = granted else { return };
            if !ahead.limits.same(&limits) {
                // Of limits that hold no more.
                for (limit, amount) in limits.iter().zip(&granted) {
                    state.pending.settle(limit.name(), amount.saturating_neg());
                }
                gate.flush_later(state, gate.context.settings.flush_after);
                return;
            }
            ahead.put(granted, now.saturating_add(prefetch.lifetime_millis()));
            ahead.report();
            if !std::mem::replace(&mut ahead.kept, true) {
                gate.context.background.spawn(keep(gate.clone(), prefetch));
            }
        });
    }
}

/// Gives back what nobody uses, until nothing is left.
async fn keep(gate: Arc<Gate>, prefetch: Prefetch) {
    // Nothing is kept for longer than it is granted from, however long an interval is.
    let period = prefetch.interval_or_default().min(prefetch.lifetime_or_default()).max(LEAST_PERIOD);
    loop {
        gate.context.background.pause(period).await;
        let now = gate.context.clock.now();
        let closed = gate.context.background.is_closed();
        let mut guard = gate.lock();
        let state = &mut *guard;
        let Some(ahead) = &mut state.ahead_of else { return };
        let idle = now.saturating_sub(ahead.used_at) >= prefetch.interval_millis();
        let released = ahead.release(&mut state.pending, now, idle || closed);
        ahead.report();
        let done = ahead.chunks.is_empty();
        if done {
            ahead.kept = false;
        }
        gate.context.prefetched.given_back(released, idle || closed);
        if released > 0 {
            gate.flush_later(guard, gate.context.settings.flush_after);
        }
        if done {
            return;
        }
    }
}

fn add(amounts: &mut Amounts, more: &[i64]) {
    for (amount, more) in amounts.iter_mut().zip(more) {
        *amount = amount.saturating_add(*more);
    }
}
