//! When a write is worth it, where many processes want the same few tokens.
//!
//! A write that refills a bucket makes every other one that is on its way fail, and a failed condition costs
//! a write unit all the same. So a gate whose writes fail, or whose item is throttled, is *under pressure*:
//!
//! - it leaves a gap between its flights, which grows with what is lost and shrinks with what lands: fewer
//!   writes, and larger ones;
//! - what it knows is soon old: it looks (a read: no write unit, and nothing to lose) before it writes;
//! - a request that has waited for about a round trip gets what the bucket holds already, for which nobody
//!   races; where that is nothing, it is denied until the next flight;
//! - one for which no flight comes back in time is denied until the next one, whatever the bucket holds: it
//!   may be the store that refuses;
//! - where the bucket is full, it is written without a race at the price of a few tokens
//!   ([`Wanted::crowd`](crate::model::plan::Wanted::crowd)).
//!
//! The constants come from the simulated fleet (`docs/fleet.md`).

use std::time::Duration;

use tokio::time::Instant;

use super::{
    super::bucket::Verdict,
    state::{GateState, Waiter},
};
use crate::model::{
    BucketState, Limit, LimitStatus, Limits,
    plan::{self, Changes},
};

/// What a lost race does to the gap.
const LOST: f64 = 1.5;

/// What a throttled write does to it.
const THROTTLED: f64 = 1.5;

/// What a write that lands does to it.
const LANDED: f64 = 0.9;

/// The gap begins with so much of a round trip.
const LEAST_GAP: f64 = 0.5;

/// Pressure has ended where the gap is below this, milliseconds.
const NO_GAP: f64 = 0.5;

/// The most that lost races make of it, in round trips.
const MOST_GAP_OF_RACES: f64 = 4.0;

/// The most that throttling makes of it, in round trips.
const MOST_GAP_OF_THROTTLING: f64 = 10.0;

/// What was seen so many round trips ago is old.
const STALE_AFTER: f64 = 2.0;

/// How many round trips a request waits for a flight to take it: the one that is on its way when it comes,
/// and one more.
const PATIENCE: f64 = 2.0;

/// It waits at least so long, milliseconds: a store that is next door makes nobody impatient.
const LEAST_PATIENCE: f64 = 10.0;

/// What is denied although the bucket holds it has to wait at least so long: at once would be no denial.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// So many lost races in a row make a crowd.
const CROWD: u32 = 4;

/// Pressure that nothing was heard of for so long is over.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

/// How flights are spaced. Nothing is kept, and nothing waits, without pressure.
#[derive(Debug, Default)]
pub(super) struct Pace(Option<Box<Pressure>>);

#[derive(Debug)]
struct Pressure {
    /// What a store call takes, milliseconds.
    round_trip: f64,
    /// Between two flights, milliseconds.
    gap: f64,
    /// When the next one may take off.
    departs: Instant,
    /// When the store has last shown the bucket.
    shown: Instant,
    /// Whether others are too many to wait for.
    crowd: bool,
    /// How often in a row the store has refused a call for now.
    refused: u32,
}

impl Pace {
    /// Whether there is pressure.
    pub(super) fn is_pressed(&self) -> bool {
        self.0.is_some()
    }

    /// Whether others write to the same bucket all the time, so that a write that needs it unchanged
    /// hardly ever finds it so.
    pub(super) fn is_crowded(&self) -> bool {
        self.0.as_ref().is_some_and(|pressure| pressure.crowd)
    }

    /// How long the next flight has to wait.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        self.0.take_if(|pressure| now - pressure.shown > FORGOTTEN_AFTER);
        self.0.as_ref().map_or(Duration::ZERO, |pressure| pressure.departs.saturating_duration_since(now))
    }

    /// Whether others have likely changed the bucket since it was seen.
    pub(super) fn is_stale(&self, now: Instant) -> bool {
        let stale = |pressure: &Pressure| millis(now - pressure.shown) > pressure.round_trip * STALE_AFTER;
        self.0.as_deref().is_some_and(stale)
    }

    /// How long a request that came at `since` has to stay away, if it will have waited too long when the
    /// next flight takes off.
    fn stays_away(&self, since: Instant) -> Option<Duration> {
        let Pressure { round_trip, gap, departs, .. } = **self.0.as_ref()?;
        let now = Instant::now();
        let waits = millis(departs.max(now).saturating_duration_since(since));
        let gap = Duration::from_millis(gap.ceil() as u64);
        (waits > (round_trip * PATIENCE).max(LEAST_PATIENCE)).then(|| gap.max(departs.saturating_duration_since(now)))
    }

    /// How long the next flight has to wait, if it will not be back by `until` therefore.
    fn comes_too_late(&self, until: Option<Instant>) -> Option<Duration> {
        let Pressure { round_trip, departs, .. } = **self.0.as_ref()?;
        let wait = departs.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())?;
        let back = departs + Duration::from_secs_f64(round_trip / 1000.0);
        (back > until?).then(|| wait.max(LEAST_WAIT))
    }

    /// A look that began at `begun` has shown the bucket.
    pub(super) fn looked(&mut self, begun: Instant, now: Instant) {
        if let Some(pressure) = &mut self.0 {
            pressure.answered(begun, now);
        }
    }

    /// A write has landed.
    pub(super) fn landed(&mut self, begun: Instant, now: Instant) {
        if let Some(pressure) = &mut self.0 {
            pressure.answered(begun, now);
            pressure.refused = 0;
            pressure.gap *= LANDED;
            pressure.space(now);
        }
        self.0.take_if(|pressure| pressure.gap < NO_GAP);
    }

    /// A write's condition has failed because somebody else has written, for the `races`th time in a row.
    /// The first ones are repeated at once: what is known is as new as it can be.
    pub(super) fn lost(&mut self, begun: Instant, now: Instant, races: u32) {
        let pressure = self.pressure(begun, now);
        pressure.answered(begun, now);
        pressure.grow(LOST, MOST_GAP_OF_RACES);
        pressure.crowd |= races >= CROWD;
        if races > 2 {
            pressure.space(now);
        }
    }

    /// The store has refused a call for now: how often in a row it has. Not of one flight: its requests may be
    /// denied before it comes to the next try.
    pub(super) fn throttled(&mut self, begun: Instant, now: Instant) -> u32 {
        let pressure = self.pressure(begun, now);
        pressure.refused = pressure.refused.saturating_add(1);
        pressure.grow(THROTTLED, MOST_GAP_OF_THROTTLING);
        pressure.space(now);
        pressure.refused
    }

    fn pressure(&mut self, begun: Instant, now: Instant) -> &mut Pressure {
        let round_trip = millis(now - begun).max(1.0);
        let none = || Pressure { round_trip, gap: 0.0, departs: now, shown: now, crowd: false, refused: 0 };
        self.0.get_or_insert_with(|| Box::new(none()))
    }
}

impl Pressure {
    fn answered(&mut self, begun: Instant, now: Instant) {
        self.shown = now;
        self.round_trip = (self.round_trip * 0.9 + millis(now - begun) * 0.1).max(1.0);
    }

    fn grow(&mut self, factor: f64, most: f64) {
        let (least, most) = (self.round_trip * LEAST_GAP, self.round_trip * most);
        self.gap = self.gap.max((self.gap * factor).clamp(least, most));
    }

    /// Lets the next flight wait, a random time: processes must not keep step.
    fn space(&mut self, now: Instant) {
        let gap = self.gap * (0.5 + fastrand::f64());
        self.departs = now + Duration::from_secs_f64(gap / 1000.0);
    }
}

impl GateState {
    /// Denies what would wait too long for the next flight.
    pub(super) fn thin_out(&mut self, now: i64, denied: &mut Vec<(Waiter, Verdict)>) {
        for waiter in std::mem::take(&mut self.queue) {
            match self.give_up(&waiter.limits, &waiter.amounts, waiter.span(), &self.pending, now) {
                Some(statuses) => denied.push((waiter, Verdict::Denied(statuses))),
                None => self.queue.push_back(waiter),
            }
        }
    }

    /// Where the limits stand, if a request that waits from `since` until `until` would wait too long: for
    /// tokens that others race for, or for the next flight.
    ///
    /// It is told when it would have been served, as far as is known: when the bucket has what it asks for, and
    /// not before the next flight.
    pub(super) fn give_up(
        &self,
        limits: &Limits,
        amounts: &[i64],
        (since, until): (Instant, Option<Instant>),
        changes: &Changes,
        now: i64,
    ) -> Option<Vec<LimitStatus>> {
        let late = self.pace.comes_too_late(until);
        let wait = late.or_else(|| self.pace.stays_away(since))?;
        let state = self.seen.live(now)?;
        let held = holds(state, limits, amounts, changes, now);
        if held && (late.is_none() || state.is_bypassed(now) || amounts.iter().all(|amount| *amount == 0)) {
            return None;
        }
        let mut statuses = plan::statuses(Some(state), limits, amounts, changes, now);
        for ((status, limit), amount) in statuses.iter_mut().zip(limits.iter()).zip(amounts) {
            let short = if held { *amount > 0 } else { !holds_one(state, limit, *amount, changes) };
            if short {
                status.retry_after = status.retry_after.map(|after| after.max(wait));
            }
        }
        Some(statuses)
    }

    /// Whether a request of the queue that has waited long enough can be served from what the bucket holds
    /// already: then the next write takes no more than that, and is in nobody's way.
    pub(super) fn is_modest(&self, changes: &Changes, now: i64) -> bool {
        let overdue = |waiter: &Waiter| self.pace.stays_away(waiter.since).is_some();
        self.pace.is_pressed() && self.queue.iter().any(|waiter| overdue(waiter) && self.held(waiter, changes, now))
    }

    /// Whether the bucket held enough for the request when it was seen, without a refill.
    pub(super) fn held(&self, waiter: &Waiter, changes: &Changes, now: i64) -> bool {
        self.seen.live(now).is_some_and(|state| holds(state, &waiter.limits, &waiter.amounts, changes, now))
    }
}

fn holds(state: &BucketState, limits: &Limits, amounts: &[i64], changes: &Changes, now: i64) -> bool {
    state.is_bypassed(now)
        || limits.iter().zip(amounts).all(|(limit, amount)| holds_one(state, limit, *amount, changes))
}

fn holds_one(state: &BucketState, limit: &Limit, amount: i64, changes: &Changes) -> bool {
    let known = state.limit(limit.name());
    known.is_none_or(|known| plan::fits(state, known, changes, amount, state.refilled_at))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
