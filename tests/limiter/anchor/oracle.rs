//! A perfect bucket: its clock is right, its writes take no time, and it does not round.

use proptest::prelude::*;
use tollgate::model::{LimitState, Parameters};

use super::{
    history::{Act, Amounts, Fate, History},
    item::START,
    play::{Event, Played, play},
};

/// With this divisor of a millitoken, all rates of histories are whole numbers.
const UNITS: i128 = 2_100_000;

/// The largest errors of a history beyond what its widening explains, in millitokens, rounded up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Worst {
    /// Tokens granted before they were refilled, by the start of the request.
    pub(super) excess: i64,
    /// Tokens that the real bucket holds and the perfect one does not.
    pub(super) mint: i64,
    /// Tokens that the perfect bucket holds and the real one does not.
    pub(super) loss: i64,
}

/// A limit with exact tokens.
struct Perfect {
    units: i128,
    at: i64,
    parameters: Parameters,
    /// The amount that the widening explains.
    allowed: i128,
}

/// Returns the units that are refilled in a millisecond.
fn rate(parameters: Parameters) -> i128 {
    UNITS * i128::from(parameters.refill_amount()) / i128::from(parameters.refill_period())
}

/// Returns the tokens of a limit at `at`, in units.
fn units(limit: &LimitState, refilled_at: i64, at: i64) -> i128 {
    let parameters = limit.parameters;
    let remainder =
        i128::from(limit.level.remainder) * UNITS / i128::from(parameters.refill_period());
    let refilled = rate(parameters) * i128::from((at - refilled_at).max(0));
    (i128::from(limit.level.tokens) * UNITS + remainder + refilled)
        .min(i128::from(parameters.capacity()) * UNITS)
}

impl Perfect {
    fn new(first: &LimitState, refilled_at: i64, wide: i64) -> Self {
        let units = units(first, refilled_at, START);
        let mut perfect = Self {
            units,
            at: START,
            parameters: first.parameters,
            allowed: 0,
        };
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

    /// Applies a write. Give-backs are cut at the old capacity, the rest at the new one.
    fn change(&mut self, at: i64, amounts: Amounts, parameters: Parameters) {
        let given = (self.at(at) + i128::from(amounts.give) * UNITS).min(self.cap());
        (self.parameters, self.at) = (parameters, at);
        self.units = given.min(self.cap()) - i128::from(amounts.spend + amounts.take) * UNITS;
    }

    /// Records by how much an amount exceeds what the widening and `more` explain.
    fn note(&self, worst: &mut i64, units: i128, more: i64) {
        let beyond = units - self.allowed - i128::from(more) * UNITS;
        *worst = (*worst).max(i64::try_from((beyond + UNITS - 1).div_euclid(UNITS)).unwrap());
    }
}

/// Plays a history and compares every state with a perfect bucket.
pub(super) fn worst(history: &History) -> Worst {
    let Played { events, ahead } = play(history);
    let lost = history.steps.iter().any(|step| step.fate != Fate::Arrives);
    // Clock errors, and the time in transit. A write that is repeated is in transit three times.
    let late = 2 * (history.clock + history.jumps) + history.way * if lost { 3 } else { 1 };
    let wide = late + history.slack + ahead;
    let mut worst = Worst::default();
    for (index, first) in history.first.limits().iter().enumerate() {
        let mut perfect = Perfect::new(first, history.first.refilled_at, wide);
        // A write of a full bucket may lose a fraction, and so may a change of parameters. Neither
        // mints one.
        let (mut lost, mut minted) = (1, 0);
        let mut changed = 0;
        for (number, event) in events.iter().enumerate() {
            let after = event.after.limit(&first.name).unwrap();
            let changes = i64::from(after.parameters != perfect.parameters);
            (lost, changed) = (lost + changes, changed + changes);
            // A slow write of a Python client drops a fraction and leaves another one unchanged.
            // The slow write refills up to the capacity by the tokens that it has read, so it
            // refills too little by the amount that was spent since.
            lost += i64::from(event.step.act == Act::Slow) + event.unseen[index];
            minted += i64::from(event.step.act == Act::Slow);
            perfect.change(event.at, event.amounts[index], after.parameters);
            // New parameters hold from the time at which the write was planned.
            perfect.widen(wide + late * changed);
            if event.amounts[index].spend > 0 {
                let start = starts(history, event, after);
                let refilled = rate(perfect.parameters) * i128::from(start - event.at);
                perfect.note(&mut worst.excess, -perfect.units - refilled, minted + 1);
            }
            let last = number + 1 == events.len();
            for later in [0, 1, 1000, 1_000_000]
                .into_iter()
                .take(if last { 4 } else { 1 })
            {
                let at = event.at + later;
                let (held, holds) = (units(after, event.after.refilled_at, at), perfect.at(at));
                // A full bucket keeps the fraction of a millitoken above its capacity.
                perfect.note(&mut worst.mint, held - holds, minted + 1);
                perfect.note(&mut worst.loss, holds - held, lost);
            }
        }
    }
    worst
}

/// Returns when the request of a write starts: at once, or after the refill that it owes, by its
/// own clock.
fn starts(history: &History, event: &Event<'_>, after: &LimitState) -> i64 {
    let owes = after
        .rule_at(0)
        .wait(after.level, 0)
        .filter(|wait| *wait > 0);
    let start = owes.map_or(event.at, |wait| {
        event.after.refilled_at + wait - history.clocks[event.step.writer]
    });
    start.max(event.at)
}

/// Fails if something is granted too early, minted or lost.
pub(super) fn is_exact(history: &History) -> Result<(), TestCaseError> {
    prop_assert_eq!(worst(history), Worst::default());
    Ok(())
}
