//! A bucket that knows all: a perfect clock, no way to go, and no rounding.

use proptest::prelude::*;
use tollgate::model::{LimitState, Parameters};

use super::{
    history::{Act, Amounts, Fate, History},
    item::START,
    play::{Event, Played, play},
};

/// All rates of histories are whole in units of a millitoken divided by this.
const UNITS: i128 = 2_100_000;

/// How far a history was off, millitokens rounded up: beyond what its widening explains.
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
    units: i128,
    at: i64,
    parameters: Parameters,
    /// What the widening explains.
    allowed: i128,
}

/// Units that are refilled in a millisecond.
fn rate(parameters: Parameters) -> i128 {
    UNITS * i128::from(parameters.refill_amount()) / i128::from(parameters.refill_period())
}

/// Units of a limit's tokens at a time.
fn units(limit: &LimitState, refilled_at: i64, at: i64) -> i128 {
    let parameters = limit.parameters;
    let remainder = i128::from(limit.level.remainder) * UNITS / i128::from(parameters.refill_period());
    let refilled = rate(parameters) * i128::from((at - refilled_at).max(0));
    (i128::from(limit.level.tokens) * UNITS + remainder + refilled).min(i128::from(parameters.capacity()) * UNITS)
}

impl Perfect {
    fn new(first: &LimitState, refilled_at: i64, wide: i64) -> Self {
        let units = units(first, refilled_at, START);
        let mut perfect = Self { units, at: START, parameters: first.parameters, allowed: 0 };
        perfect.widen(wide);
        perfect
    }

    fn widen(&mut self, wide: i64) {
        self.allowed = self.allowed.max(rate(self.parameters) * i128::from(wide));
    }

    fn cap(&self) -> i128 {
        i128::from(self.parameters.capacity()) * UNITS
    }

    fn at(&self, at: i64) -> i128 {
        (self.units + rate(self.parameters) * i128::from(at - self.at)).min(self.cap())
    }

    /// What a write does to it. What is given back is cut at the capacity before, the rest at the one after.
    fn change(&mut self, at: i64, amounts: Amounts, parameters: Parameters) {
        let given = (self.at(at) + i128::from(amounts.give) * UNITS).min(self.cap());
        (self.parameters, self.at) = (parameters, at);
        self.units = given.min(self.cap()) - i128::from(amounts.spend + amounts.take) * UNITS;
    }

    /// Notes by how much more than the widening explains, and `more`, an amount is too great.
    fn note(&self, worst: &mut i64, units: i128, more: i64) {
        let beyond = units - self.allowed - i128::from(more) * UNITS;
        *worst = (*worst).max(i64::try_from((beyond + UNITS - 1).div_euclid(UNITS)).unwrap());
    }
}

/// Plays a history and compares every state with a perfect bucket.
pub(super) fn worst(history: &History) -> Worst {
    let Played { events, ahead } = play(history);
    let lost = history.steps.iter().any(|step| step.fate != Fate::Arrives);
    // Clocks, and the time under way: a repeat is under way three times.
    let late = 2 * (history.clock + history.jumps) + history.way * if lost { 3 } else { 1 };
    let wide = late + history.slack + ahead;
    let mut worst = Worst::default();
    for (index, first) in history.first.limits.iter().enumerate() {
        let mut perfect = Perfect::new(first, history.first.refilled_at, wide);
        // A write at the cap may lose a fraction, and so may a change of parameters; none is ever minted.
        let (mut lost, mut minted) = (1, 0);
        let mut changed = 0;
        for (number, event) in events.iter().enumerate() {
            let after = event.after.limit(&first.name).unwrap();
            let changes = i64::from(after.parameters != perfect.parameters);
            (lost, changed) = (lost + changes, changed + changes);
            // A slow write of a Python client drops a fraction, and leaves another as it was. It refills up to the
            // capacity by the tokens that it has read: by so much less than there is room for as was spent since.
            lost += i64::from(event.step.act == Act::Slow) + event.unseen[index];
            minted += i64::from(event.step.act == Act::Slow);
            perfect.change(event.at, event.amounts[index], after.parameters);
            // New parameters hold from when the write was planned.
            perfect.widen(wide + late * changed);
            if event.amounts[index].spend > 0 {
                let start = starts(history, event, after);
                let refilled = rate(perfect.parameters) * i128::from(start - event.at);
                perfect.note(&mut worst.excess, -perfect.units - refilled, minted + 1);
            }
            let last = number + 1 == events.len();
            for later in [0, 1, 1000, 1_000_000].into_iter().take(if last { 4 } else { 1 }) {
                let at = event.at + later;
                let (held, holds) = (units(after, event.after.refilled_at, at), perfect.at(at));
                // A full bucket keeps the fraction of a millitoken that it has above its capacity.
                perfect.note(&mut worst.mint, held - holds, minted + 1);
                perfect.note(&mut worst.loss, holds - held, lost);
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
