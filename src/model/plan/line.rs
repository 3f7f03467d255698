//! What a write does to one limit, exact for whatever tokens the store holds when it arrives.

use smallvec::SmallVec;

use super::{Change, Changes, clamp};
use crate::model::{BucketState, LimitState, Line, Parameters, Rate, TokenChange};

/// Amounts of a change, millitokens: the row for it depends on nothing else.
#[derive(Clone, Copy, Default)]
struct Amounts {
    give: i64,
    debit: i64,
    /// Counted as consumed, and not taken.
    count: i64,
    /// Whether the debit is granted: only then must the bucket hold it.
    granted: bool,
}

impl Amounts {
    fn of(state: &BucketState, change: Option<&Change>, now: i64) -> Self {
        change.map_or(Self::default(), |change| Self {
            give: change.give,
            debit: change.debit(),
            count: change.count,
            granted: change.spend > 0 && !state.is_soft(&change.limit, now),
        })
    }
}

/// The refill of so many milliseconds may be lost where many processes write to a full bucket at once, and
/// at most a tenth of what it holds.
const LOST_IN_A_CROWD: i64 = 50;

/// The refill that is due at `now`, rounded up.
fn due(state: &BucketState, known: &LimitState, now: i64) -> i128 {
    let accrual = known.rate.accrue(state.age(now), known.level.remainder);
    accrual.raw + i128::from(accrual.remainder > 0)
}

/// The line of a plain write: the refill is left for later.
///
/// That is exact unless something is taken while the cap cuts the refill: what the full bucket never
/// held would be credited later. A limit that nothing is taken from is cut just as well later.
///
/// In a `crowd` even then: what the cap cuts is taken out, as far as the state tells. If others did the
/// same meanwhile, some is lost, but never more than the refill of [`LOST_IN_A_CROWD`].
pub(super) fn plain(state: &BucketState, known: &LimitState, change: &Change, now: i64, crowd: bool) -> Line {
    let amounts = Amounts::of(state, Some(change), now);
    let Amounts { give, debit, granted, .. } = amounts;
    let cap = known.rate.capacity();
    let (tokens, floor, ceiling) = if debit == 0 && give == 0 {
        (TokenChange::Add(0), None, None)
    } else if debit > 0 {
        // Not cut.
        let ceiling = i128::from(cap) - i128::from(give) - due(state, known, now);
        let covered = || covered(state, known.rate, now, state.expires_at?.saturating_mul(1000));
        let floor = if granted { Some(0) } else { covered() };
        let floor = floor.map(|lowest| lowest - i128::from(give) + i128::from(debit));
        let over = i128::from(known.level.tokens) - ceiling;
        let spare = known.rate.accrue(LOST_IN_A_CROWD, 0).raw.min(i128::from(cap / 10));
        if crowd && over > 0 && over <= spare {
            let floor = floor.map_or(ceiling - spare, |floor| (floor + over).max(ceiling - spare));
            let tokens = i128::from(give) - i128::from(debit) - over;
            (TokenChange::Add(clamp(tokens)), Some(clamp(floor)), Some(clamp(ceiling + over)))
        } else {
            (TokenChange::Add(give.saturating_sub(debit)), floor.map(clamp), Some(clamp(ceiling)))
        }
    } else if known.level.tokens >= cap.saturating_sub(give) {
        // Given back to the cap, and no further.
        (TokenChange::Set(cap), Some(cap.saturating_sub(give)), None)
    } else {
        (TokenChange::Add(give), None, Some(cap.saturating_sub(give)))
    };
    line(known, amounts, tokens, floor, ceiling)
}

/// The lines of a write that settles leases in a bucket whose refill is not understood: what was used
/// is taken, and what is given back is lost where it would not fit as far as the state tells.
pub(super) fn settling(state: &BucketState, changes: &Changes) -> SmallVec<[Line; 2]> {
    let changed = state.limits.iter().filter_map(|known| Some((known, changes.get(&known.name)?)));
    let lines = changed.map(|(known, change)| {
        let room = known.rate.capacity().saturating_sub(known.level.tokens).max(0);
        let amounts =
            Amounts { give: change.give.min(room), debit: change.debit(), count: change.count, granted: false };
        let ceiling = (amounts.give > 0).then(|| known.rate.capacity().saturating_sub(amounts.give));
        line(known, amounts, TokenChange::Add(amounts.give.saturating_sub(amounts.debit)), None, ceiling)
    });
    lines.collect()
}

/// The line of a write that refills under the lock of the refill time, and may bring `new` parameters.
///
/// Elapsed time counts at the old parameters; the lower of both capacities holds from now on. The
/// bucket counts as gone at `gone` (epoch ms).
pub(super) fn refill(
    state: &BucketState,
    known: &LimitState,
    change: Option<&Change>,
    new: Option<Parameters>,
    now: i64,
    gone: Option<i64>,
) -> Line {
    let amounts = Amounts::of(state, change, now);
    let Amounts { give, debit, granted, .. } = amounts;
    let accrual = known.rate.accrue(state.age(now), known.level.remainder);
    let rate = new.map_or(known.rate, |new| rate_of(state, known, new));
    let cap = rate.capacity().min(known.rate.capacity());
    let credit = accrual.raw + i128::from(give);
    // What asks for more than a full bucket holds fits no level.
    let never = granted && debit > cap;
    let (tokens, floor, ceiling, remainder) = if i128::from(known.level.tokens) + credit >= i128::from(cap) && !never {
        // Reaches the cap: exact for every level from which it does. A full bucket keeps no remainder.
        (TokenChange::Set(cap.saturating_sub(debit)), Some(clamp(i128::from(cap) - credit)), None, 0)
    } else {
        // Stays below: exact for every level from which it does, and at the cap where no remainder is kept.
        let remainder = if new.is_some() { 0 } else { accrual.remainder };
        let ceiling = clamp(i128::from(cap) - credit - i128::from(remainder > 0));
        let floor = if never {
            Some(i64::MAX)
        } else if granted {
            Some(clamp(i128::from(debit) - credit))
        } else if debit > 0 || new.is_some() {
            gone.and_then(|gone| covered(state, rate, now, gone))
                .map(|lowest| clamp(lowest - credit + i128::from(debit)))
        } else {
            None
        };
        (TokenChange::Add(clamp(credit - i128::from(debit))), floor, Some(ceiling), remainder)
    };
    let line = line(known, amounts, tokens, floor, ceiling);
    Line { remainder: Some(remainder), parameters: new, ..line }
}

fn line(known: &LimitState, amounts: Amounts, tokens: TokenChange, floor: Option<i64>, ceiling: Option<i64>) -> Line {
    Line {
        limit: known.name.clone(),
        tokens,
        floor,
        ceiling,
        // Floor and ceiling speak of these; somebody may have changed them since.
        expected: Some(known.parameters),
        consumed: amounts.debit.saturating_sub(amounts.give).saturating_add(amounts.count),
        remainder: None,
        parameters: None,
    }
}

/// The rate and the tokens that a refill leaves, as far as the state tells.
pub(super) fn after(
    state: &BucketState,
    known: &LimitState,
    change: Option<&Change>,
    new: Option<Parameters>,
    now: i64,
) -> (Rate, i64) {
    let Amounts { give, debit, .. } = Amounts::of(state, change, now);
    let rate = new.map_or(known.rate, |new| rate_of(state, known, new));
    let cap = rate.capacity().min(known.rate.capacity());
    let raw = known.rate.accrue(state.age(now), known.level.remainder).raw;
    let held = i128::from(known.level.tokens) + raw + i128::from(give);
    (rate, clamp(held.min(cap.into()) - i128::from(debit)))
}

/// The rate of the shard with `new` parameters.
fn rate_of(state: &BucketState, known: &LimitState, new: Parameters) -> Rate {
    new.shard(state.shard, state.shard_count).unwrap_or(known.rate)
}

/// The lowest level at `now` that the expiry at `gone` (epoch ms) covers: a bucket that is gone comes
/// back full, so it must not go before it is. `None` where it goes beyond all time.
fn covered(state: &BucketState, rate: Rate, now: i64, gone: i64) -> Option<i128> {
    let left = gone.saturating_sub(now.max(state.refilled_at.saturating_add(1)));
    (gone < i64::MAX).then(|| i128::from(rate.capacity()) - rate.accrue(left, 0).raw)
}
