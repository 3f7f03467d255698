//! A bucket that knows all: a perfect clock, no way to go, and no rounding.

use proptest::prelude::*;
use tollgate::model::{BucketState, LimitState, Parameters};

use super::{
    history::{Act, Amounts, Fate, History},
    item::{NAMES, START, level, name},
    play::{Event, Played, play},
};

/// All rates of histories are whole in units of a millitoken divided by this.
const UNITS: i128 = 2_100_000;

/// What a history may be off at most, millitokens: the most beyond what its widening explains.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Worst {
    /// Granted before it was there, by when the request starts.
    pub(super) excess: i64,
    /// More than the perfect bucket holds.
    pub(super) mint: i64,
    /// Less than it holds.
    pub(super) loss: i64,
}

/// A limit with exact tokens.
struct Perfect {
    limit: usize,
    units: i128,
    at: i64,
    parameters: Parameters,
    /// Millitokens that the widening explains.
    allowed: i64,
}

/// Units that are refilled in a millisecond.
fn rate(parameters: Parameters) -> i128 {
    UNITS * i128::from(parameters.refill_amount()) / i128::from(parameters.refill_period())
}

/// Millitokens, rounded towards nought, as an `i64`.
fn milli(units: i128) -> i64 {
    i64::try_from(units / UNITS).unwrap()
}

impl Perfect {
    fn new(limit: usize, first: &LimitState, refilled_at: i64, wide: i64) -> Self {
        let parameters = first.parameters;
        let remainder = i128::from(first.level.remainder) * UNITS / i128::from(parameters.refill_period());
        let units = i128::from(first.level.tokens) * UNITS + remainder;
        let mut perfect = Self { limit, units, at: refilled_at, parameters, allowed: 0 };
        perfect.widen(wide);
        perfect.refill(START);
        perfect
    }

    fn widen(&mut self, wide: i64) {
        self.allowed = self.allowed.max(milli(rate(self.parameters) * i128::from(wide)) + 1);
    }

    fn cap(&self) -> i128 {
        i128::from(self.parameters.capacity()) * UNITS
    }

    fn at(&self, at: i64) -> i128 {
        (self.units + rate(self.parameters) * i128::from(at - self.at)).min(self.cap())
    }

    fn refill(&mut self, at: i64) {
        (self.units, self.at) = (self.at(at), at);
    }

    fn change(&mut self, amounts: Amounts) {
        let given = (self.units + i128::from(amounts.give) * UNITS).min(self.cap());
        self.units = given - i128::from(amounts.spend + amounts.take) * UNITS;
    }

    fn compare(&self, state: &BucketState, at: i64, worst: &mut Worst) {
        let held = i128::from(level(state, NAMES[self.limit], at)) * UNITS;
        let perfect = self.at(at);
        worst.mint = worst.mint.max(milli(held - perfect) - self.allowed);
        worst.loss = worst.loss.max(milli(perfect - held) - self.allowed);
    }
}

/// Plays a history and compares every state with a perfect bucket.
pub(super) fn worst(history: &History) -> Worst {
    let Played { events, ahead } = play(history);
    let lost = history.steps.iter().any(|step| step.fate != Fate::Arrives);
    // Clocks, the time under way, and the slack; a repeat is under way three times.
    let wide = 2 * (history.clock + history.jumps) + history.way * if lost { 3 } else { 1 } + history.slack + ahead;
    let mut worst = Worst::default();
    for (index, first) in history.first.limits.iter().enumerate() {
        let mut perfect = Perfect::new(index, first, history.first.refilled_at, wide);
        let mut last = None;
        for event in &events {
            perfect.refill(event.at);
            let after = event.after.limit(&name(NAMES[index])).unwrap();
            if after.parameters != perfect.parameters {
                perfect.parameters = after.parameters;
                perfect.units = perfect.units.min(perfect.cap());
                perfect.widen(wide);
            }
            // Every slow write of a Python client drops a fraction, and leaves another as it was.
            perfect.allowed += i64::from(event.step.act == Act::Slow);
            let amounts = event.amounts[index];
            perfect.change(amounts);
            if amounts.spend > 0 {
                let start = starts(history, event, after);
                let owes = -(perfect.units + rate(perfect.parameters) * i128::from(start - event.at));
                worst.excess = worst.excess.max(milli(owes) - perfect.allowed);
            }
            perfect.compare(&event.after, event.at, &mut worst);
            last = Some(event);
        }
        if let Some(event) = last {
            for later in [1, 1000, 1_000_000] {
                perfect.compare(&event.after, event.at + later, &mut worst);
            }
        }
    }
    worst
}

/// Returns when the request of a write starts: at once, or when what it owes is refilled by its own clock.
fn starts(history: &History, event: &Event<'_>, after: &LimitState) -> i64 {
    let owes = after.rate.wait(after.level, 0).filter(|wait| *wait > 0);
    let start = owes.map_or(event.at, |wait| event.after.refilled_at + wait - history.clocks[event.step.writer]);
    start.max(event.at)
}

/// Requires that nothing is granted too early, minted or lost.
pub(super) fn is_exact(history: &History) -> Result<(), TestCaseError> {
    prop_assert_eq!(worst(history), Worst::default());
    Ok(())
}
