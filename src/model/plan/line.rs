//! What a write does to one limit: the rows of the write table.
//!
//! A row is chosen by the image and exact for whatever the store holds: its conditions are literals that the
//! store compares with the tokens. A row that counts on the refill since the anchor requires the anchor too.

use smallvec::SmallVec;

use super::{Change, Changes, clamp};
use crate::model::{Accrual, BucketState, LimitState, Line, Parameters, Rate, TokenChange};

/// The amounts of a change, millitokens.
#[derive(Clone, Copy, Default)]
struct Amounts {
    give: i128,
    debit: i128,
    /// The lowest level that the debit may leave; `None` if it may leave any.
    floor: Option<i128>,
    consumed: i64,
}

impl Amounts {
    fn of(state: &BucketState, change: Option<&Change>, now: i64) -> Self {
        let Some(change) = change else { return Self::default() };
        let granted = change.spend > 0 && !state.is_soft(&change.limit, now);
        Self {
            give: change.give.into(),
            debit: change.debit().into(),
            floor: granted.then_some(change.floor.into()),
            consumed: change.debit().saturating_sub(change.give).saturating_add(change.count),
        }
    }
}

/// The parts that all lines of a write share.
pub(super) struct Rows<'a> {
    pub(super) state: &'a BucketState,
    /// The time of the write: epoch ms.
    pub(super) now: i64,
    /// If the write moves the anchor.
    pub(super) moves: bool,
    /// How many ms of refill may be spent above the capacity.
    pub(super) slack: i64,
    /// When the bucket counts as gone after the write: epoch ms. `None`: never.
    pub(super) gone: Option<i64>,
}

/// A line, and what it relies on.
pub(super) struct Row {
    pub(super) line: Line,
    /// It counts on the refill since the anchor as it was seen.
    pub(super) relies_on_anchor: bool,
    /// It sets the level from the capacity, less the refill since the anchor.
    pub(super) is_at_cap: bool,
    /// It takes more than the bucket's expiry covers: the bucket would come back full too early.
    pub(super) is_uncovered: bool,
    /// Refilled since the anchor, millitokens rounded down.
    pub(super) due: i128,
}

impl Rows<'_> {
    /// Returns the row of a limit. `taken` is what others are expected to have taken since the image, `new` are
    /// parameters that the write brings. `None` if it does nothing to the limit.
    pub(super) fn row(
        &self,
        known: &LimitState,
        taken: i64,
        change: Option<&Change>,
        new: Option<Parameters>,
    ) -> Option<Row> {
        let Amounts { give, debit, floor, consumed } = Amounts::of(self.state, change, self.now);
        let moves = self.moves;
        if debit == 0 && give == 0 && !moves {
            let line = line(known, TokenChange::Add(0), (None, None), consumed);
            return (consumed != 0).then_some(Row::free(line, 0));
        }
        // Up to now, even if the anchor has to move further than that: never mint.
        let Accrual { raw: due, remainder } = known.rate.accrue(self.state.age(self.now), known.level.remainder);
        let rate = new.map_or(known.rate, |new| rate_of(self.state, known, new));
        let cap = i128::from(rate.capacity().min(known.rate.capacity()));
        // With no more tokens the level does not pass the capacity.
        let top = cap - due - i128::from(remainder > 0);
        let expected = i128::from(known.level.tokens) - i128::from(taken.max(0));
        let slack = if debit == 0 || new.is_some() { 0 } else { known.rate.accrue(self.slack, 0).raw };
        // Who waits may leave a debt, and so may a settlement. It must be paid before the bucket is gone.
        let owes = floor.is_none_or(|floor| floor < 0) && (debit > 0 || new.is_some());
        let lowest = self.gone.filter(|_| owes).and_then(|gone| covered(self.state, rate, self.now, gone));
        // As many tokens make the level the capacity, and with the fraction less than a millitoken more: rounded up,
        // a full bucket would deny the last request that it holds. It does not add up: the next one starts here again.
        let fills = cap - due;
        let full = expected + give - if debit == 0 { fills } else { top + slack + 1 } >= 0;
        let row = if full {
            // Rows S2, S4, S6, M2, M4: every level from the capacity on becomes the capacity.
            let never = floor.is_some_and(|floor| cap - debit < floor);
            let floor = if never { i128::from(i64::MAX) } else { fills - give };
            let level = if moves { cap } else { fills };
            let tokens = TokenChange::Set(clamp(level - debit));
            Row {
                line: line(known, tokens, (Some(floor), None), consumed),
                relies_on_anchor: true,
                is_at_cap: true,
                is_uncovered: lowest.is_some_and(|lowest| cap - debit < lowest),
                due,
            }
        } else {
            // Rows S1, S3, S5, M1, M3: exact for every level that stays below the capacity.
            let needs = floor.map(|floor| debit - give + floor);
            let covers = lowest.map(|lowest| debit - give + lowest);
            let least = needs.max(covers);
            let counts = moves || least.is_some_and(|least| expected < least);
            let ceiling = (debit > 0 || give > 0 || new.is_some()).then_some(top - give + slack);
            let tokens = TokenChange::Add(clamp(if moves { due } else { 0 } + give - debit));
            Row {
                line: line(
                    known,
                    tokens,
                    (least.map(|least| if counts { least - due } else { least }), ceiling),
                    consumed,
                ),
                relies_on_anchor: counts,
                is_at_cap: false,
                is_uncovered: covers.is_some_and(|least| expected + due < least),
                due,
            }
        };
        // Fractions of a millitoken are kept below the capacity, at the parameters that they are fractions of.
        let remainder = if row.is_at_cap || new.is_some() { 0 } else { remainder };
        let line = Line { remainder: moves.then_some(remainder), parameters: new, ..row.line };
        Some(Row { line, ..row })
    }
}

impl Row {
    fn free(line: Line, due: i128) -> Self {
        Self { line, relies_on_anchor: false, is_at_cap: false, is_uncovered: false, due }
    }
}

/// Returns the lines that settle leases of a bucket whose refill is not understood: what it took may be too
/// little, and nothing is given back above the capacity that its parameters show.
pub(super) fn settling(state: &BucketState, changes: &Changes) -> SmallVec<[Line; 2]> {
    let changed = state.limits.iter().filter_map(|known| Some((known, changes.get(&known.name)?)));
    let lines = changed.map(|(known, change)| {
        let cap = known.rate.capacity();
        let give = change.give.min(cap.saturating_sub(known.level.tokens).max(0));
        let debit = change.debit();
        let consumed = debit.saturating_sub(give).saturating_add(change.count);
        let ceiling = (give > 0).then_some(i128::from(cap) - i128::from(give));
        line(known, TokenChange::Add(give.saturating_sub(debit)), (None, ceiling), consumed)
    });
    lines.collect()
}

fn line(
    known: &LimitState,
    tokens: TokenChange,
    (floor, ceiling): (Option<i128>, Option<i128>),
    consumed: i64,
) -> Line {
    Line {
        limit: known.name.clone(),
        tokens,
        floor: floor.map(clamp),
        ceiling: ceiling.map(clamp),
        // Floor and ceiling speak of these; somebody may have changed them since.
        expected: Some(known.parameters),
        consumed,
        remainder: None,
        parameters: None,
    }
}

/// Returns the rate and the tokens that a write leaves at `at` (epoch ms), as far as the image tells.
pub(super) fn after(
    state: &BucketState,
    known: &LimitState,
    change: Option<&Change>,
    new: Option<Parameters>,
    at: i64,
) -> (Rate, i64) {
    let Amounts { give, debit, .. } = Amounts::of(state, change, at);
    let rate = new.map_or(known.rate, |new| rate_of(state, known, new));
    let cap = rate.capacity().min(known.rate.capacity());
    let raw = known.rate.accrue(state.age(at), known.level.remainder).raw;
    let held = i128::from(known.level.tokens) + raw + give;
    (rate, clamp(held.min(cap.into()) - debit))
}

/// Returns the rate of the shard with `new` parameters.
fn rate_of(state: &BucketState, known: &LimitState, new: Parameters) -> Rate {
    new.shard(state.shard, state.shard_count).unwrap_or(known.rate)
}

/// Returns the lowest level at `at` that the expiry at `gone` (epoch ms) covers: a bucket that is gone comes
/// back full, so it must not go before it is. `None` if it goes beyond all time.
fn covered(state: &BucketState, rate: Rate, at: i64, gone: i64) -> Option<i128> {
    let left = gone.saturating_sub(at.max(state.refilled_at.saturating_add(1)));
    (gone < i64::MAX).then(|| i128::from(rate.capacity()) - rate.accrue(left, 0).raw)
}
