//! The change of one limit by a write: the rows of the write table.
//!
//! A row is chosen by the image, but it is exact for any content of the store: its conditions are
//! literals that the store compares with the tokens. A row that counts the refill since the anchor
//! requires that the anchor has not moved.

use smallvec::SmallVec;

use super::{Change, LedgerDelta, clamp};
use crate::model::{
    BucketState, Course, Definition, LimitName, LimitState, Line, Period, PeriodChange, Refill,
    RefillRule, Renewal, ScheduleChange, TokenChange,
};

/// The amounts of a change, millitokens.
#[derive(Clone, Copy, Default)]
struct LineAmounts {
    give: i128,
    debit: i128,
    /// The lowest level that the debit may leave; `None` if it may leave any.
    floor: Option<i128>,
    consumed: i64,
}

impl LineAmounts {
    fn of(state: &BucketState, known: &LimitState, change: Option<&Change>, now: i64) -> Self {
        let Some(change) = change else {
            return Self::default();
        };
        let give = change.give_to(known);
        let debit = change.debit_of(known.level.tokens);
        let granted = change.spend > 0 && !state.is_soft(&change.limit, now);
        Self {
            give: give.into(),
            debit: debit.into(),
            floor: granted.then_some(change.floor.into()),
            consumed: debit.saturating_sub(give).saturating_add(change.count),
        }
    }
}

/// The values that all lines of a write share.
pub(super) struct Rows<'a> {
    pub(super) state: &'a BucketState,
    /// The time of the write: epoch ms.
    pub(super) now: i64,
    /// The anchor that the write sets: epoch ms. `None` if the anchor stays.
    pub(super) moves_to: Option<i64>,
    /// The slack: the refill, in ms, that a full bucket may grant in addition to its capacity,
    /// once.
    pub(super) slack: i64,
    /// The time from which the bucket counts as gone after the write: epoch ms. `None` if it never
    /// expires.
    pub(super) gone: Option<i64>,
    /// The sessions that other shards have begun, and the times at which they did: epoch ms.
    pub(super) sessions: &'a [(LimitName, i64)],
    /// `true` if the write raises the number of shards that the item states.
    pub(super) raises: bool,
}

/// The planned change of one limit, and the facts that it relies on.
pub(super) struct PlannedLine {
    pub(super) line: Line,
    /// `true` if the line counts the refill since the anchor that was seen.
    pub(super) relies_on_anchor: bool,
    /// `true` if the line sets the level to the capacity minus the refill since the anchor.
    pub(super) is_at_cap: bool,
    /// `true` if the line takes more than the bucket's expiry covers: the bucket would expire
    /// before it is full.
    pub(super) is_uncovered: bool,
    /// The refill since the anchor, millitokens rounded down.
    pub(super) due: i128,
}

impl Rows<'_> {
    /// Returns the row of a limit. `taken` is the amount that other writers have probably taken
    /// since the image. `new` is the definition that the write sets. `None` if the write does not
    /// change the limit.
    pub(super) fn row(
        &self,
        known: &LimitState,
        taken: i64,
        change: Option<&Change>,
        new: Option<&Definition>,
    ) -> Option<PlannedLine> {
        let LineAmounts {
            give,
            debit,
            floor,
            consumed,
        } = LineAmounts::of(self.state, known, change, self.now);
        let moves = self.moves_to.is_some();
        if debit == 0 && give == 0 && !moves {
            let line = line(known, TokenChange::Add(0), (None, None), consumed);
            return (consumed != 0).then_some(PlannedLine::free(line, 0));
        }
        // A period that ends before the new anchor ends with this write, because later writes look
        // for periods after the anchor.
        let rule = known.rule_at(self.moves_to.unwrap_or(self.now));
        // The refill counts only up to `now`, even if the anchor moves further, so that no tokens
        // are minted.
        let (refill, ceiling) = self.state.due_with_ceiling(rule, known, self.now);
        let Refill {
            raw: due,
            remainder,
        } = refill;
        let after = new.map_or(rule, |new| {
            self.state.rule_with(known, new.clone(), self.now)
        });
        let anew = new.is_some_and(|new| {
            let at = self.moves_to.unwrap_or(self.now);
            known.begins_anew(new.renewal.as_ref(), at)
        });
        let cap = i128::from(if anew {
            after.capacity()
        } else {
            after.capacity().min(rule.capacity())
        });
        // An earlier window cuts what was there then, and not what is given back now.
        let cap = cap.min(i128::from(ceiling) + give);
        // With at most `top` tokens, the level does not exceed the capacity.
        let top = cap - due - i128::from(remainder > 0);
        let expected = i128::from(known.level.tokens) - i128::from(taken.max(0));
        let slack = if debit == 0 || new.is_some() || rule.is_quota() {
            0
        } else {
            rule.accrue(self.slack, 0).raw
        };
        // The grant of a waiting request may leave a debt, and so may a settlement. The debt must
        // be refilled before the bucket expires.
        let owes = floor.is_none_or(|floor| floor < 0) && (debit > 0 || new.is_some());
        let lowest = self.gone.filter(|_| owes).and_then(|gone| {
            covered(
                self.state,
                after,
                course_after(self.state, known, new),
                self.now,
                gone,
            )
        });
        // With `cap - due` tokens, the level is the capacity plus a fraction of a millitoken,
        // because `due` is rounded down. If `due` were rounded up, a full bucket would deny a
        // request for its whole capacity. The fractions do not add up, because the next write of a
        // full bucket starts from the capacity again.
        let fills = cap - due;
        let full = expected + give - if debit == 0 { fills } else { top + slack + 1 } >= 0;
        let owed = known
            .stored_tokens()
            .filter(|_| moves && !rule.is_renewed())
            .map(i128::from);
        let row = if let Some(held) = owed {
            // The store does not hold the tokens of the image yet: they replace those that it holds.
            // Use that is settled meanwhile must not be lost.
            let level = cap.min(i128::from(known.level.tokens) + give);
            let never = floor.is_some_and(|floor| level - debit < floor);
            let floor = if never { i128::from(i64::MAX) } else { held };
            let tokens = TokenChange::Set(clamp(level - debit));
            PlannedLine {
                line: line(known, tokens, (Some(floor), Some(held)), consumed),
                relies_on_anchor: true,
                is_at_cap: false,
                is_uncovered: false,
                due,
            }
        } else if full {
            // Rows S2, S4, S6, M2, M4: every level at or above the capacity becomes the capacity.
            let never = floor.is_some_and(|floor| cap - debit < floor);
            let floor = if never {
                i128::from(i64::MAX)
            } else {
                fills - give
            };
            let level = if moves { cap } else { fills };
            let tokens = TokenChange::Set(clamp(level - debit));
            PlannedLine {
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
            PlannedLine {
                line: line(
                    known,
                    tokens,
                    (
                        least.map(|least| if counts { least - due } else { least }),
                        ceiling,
                    ),
                    consumed,
                ),
                relies_on_anchor: counts,
                is_at_cap: false,
                is_uncovered: covers.is_some_and(|least| expected + due < least),
                due,
            }
        };
        // The remainder is kept only if the level is below the capacity and the parameters do not
        // change, because it is a fraction for these parameters.
        let remainder = if row.is_at_cap || new.is_some() {
            0
        } else {
            remainder
        };
        // What is given back must not reach the time after an operator's reset. What is taken must
        // not reach a session that was ended, because the next session would forgive it. For
        // grants, the condition on the time until which tokens may be spent says that.
        let is_session = matches!(known.renewal(), Some(Renewal::Session(_)));
        let pinned = give > 0 || (is_session && debit > 0 && floor.is_none() && !moves);
        let period = known.period().filter(|_| pinned);
        let line = Line {
            in_period: period.and_then(Period::mark),
            remainder: moves.then_some(remainder),
            parameters: new.map(|new| new.parameters),
            period: self.period(known, rule, debit > 0, new),
            schedule: schedule(known, new),
            ..row.line
        };
        Some(PlannedLine { line, ..row })
    }

    /// Returns the change of the limit's period. A session begins only if something is charged, or
    /// if another shard has begun it.
    fn period(
        &self,
        known: &LimitState,
        rule: RefillRule,
        charges: bool,
        new: Option<&Definition>,
    ) -> PeriodChange {
        match (self.moves_to, new) {
            (Some(_), Some(new)) if new.renewal.as_ref() != known.renewal() => {
                PeriodChange::Becomes(new.renewal.clone())
            }
            (Some(to), _) if rule.is_renewed() => match known.renewal() {
                Some(Renewal::Session(length)) => {
                    let begun = self.sessions.iter().find(|(name, _)| *name == known.name);
                    let begun = begun.map(|(_, begun)| *begun);
                    match begun.filter(|begun| known.may_join(*begun, *length, to)) {
                        Some(begun) => PeriodChange::Opens(begun),
                        None if charges => PeriodChange::Opens(to),
                        None => PeriodChange::Keep,
                    }
                }
                Some(Renewal::Calendar(_)) => PeriodChange::Renews(to),
                None => PeriodChange::Keep,
            },
            (Some(_), _) if known.is_owed() => {
                let start = known.period().and_then(Period::session_start);
                start.map_or(PeriodChange::Keep, PeriodChange::Joins)
            }
            _ if self.raises => {
                let granted = known.period().and_then(Period::granted_count);
                granted.map_or(PeriodChange::Keep, PeriodChange::Stays)
            }
            _ => PeriodChange::Keep,
        }
    }
}

/// Returns the change of the limit's schedule.
fn schedule(known: &LimitState, new: Option<&Definition>) -> ScheduleChange {
    match new {
        Some(new) if new.timetable.as_ref() != known.timetable() => {
            ScheduleChange::Becomes(new.timetable.clone())
        }
        _ => ScheduleChange::Keep,
    }
}

/// Returns the rules over time after a write that sets the definition `new`, if it has a schedule.
fn course_after<'a>(
    state: &BucketState,
    known: &'a LimitState,
    new: Option<&'a Definition>,
) -> Option<Course<'a>> {
    let Some(new) = new else {
        return known.course();
    };
    Some(Course {
        timetable: new.timetable.as_ref()?,
        parameters: new.parameters,
        shard: (state.shard, state.shard_count),
    })
}

impl PlannedLine {
    fn free(line: Line, due: i128) -> Self {
        Self {
            line,
            relies_on_anchor: false,
            is_at_cap: false,
            is_uncovered: false,
            due,
        }
    }
}

/// Returns the lines that settle leases of a bucket whose refill is not understood. A debit may
/// take too little, because the due refill is not known. Give-backs stop at the capacity in the
/// parameters.
pub(super) fn settling(
    state: &BucketState,
    changes: &LedgerDelta,
    now: i64,
) -> SmallVec<[Line; 2]> {
    let changed = state
        .limits
        .iter()
        .filter_map(|known| Some((known, changes.get(&known.name)?)));
    let lines = changed.map(|(known, change)| {
        let cap = known.rule_at(now).capacity();
        let give = change
            .give_to(known)
            .min(cap.saturating_sub(known.level.tokens).max(0));
        let debit = change.debit_of(known.level.tokens);
        let consumed = debit.saturating_sub(give).saturating_add(change.count);
        let ceiling = (give > 0).then_some(i128::from(cap) - i128::from(give));
        line(
            known,
            TokenChange::Add(give.saturating_sub(debit)),
            (None, ceiling),
            consumed,
        )
    });
    lines.collect()
}

fn line(
    known: &LimitState,
    tokens: TokenChange,
    (floor, ceiling): (Option<i128>, Option<i128>),
    consumed: i64,
) -> Line {
    let mut line = Line::new(known.name.clone(), tokens).with_consumed(consumed);
    line.floor = floor.map(clamp);
    line.ceiling = ceiling.map(clamp);
    // The floor and the ceiling are computed from these parameters, which another process may have
    // changed since. So the write requires them.
    line.expected = Some(known.parameters);
    line
}

/// Returns the rule and the tokens after a write at `at` (epoch ms), according to the image.
pub(super) fn after(
    state: &BucketState,
    known: &LimitState,
    change: Option<&Change>,
    new: Option<Definition>,
    at: i64,
) -> (RefillRule, i64) {
    let LineAmounts { give, debit, .. } = LineAmounts::of(state, known, change, at);
    let new_renewal = new.as_ref().and_then(|new| new.renewal.clone());
    let (before, rule) = (
        known.rule_at(at),
        new.map_or(known.rule_at(at), |new| state.rule_with(known, new, at)),
    );
    // The write begins the calendar's next period.
    let renewal = new_renewal.as_ref().or(known.renewal());
    let rule = match renewal.and_then(Renewal::calendar) {
        Some(calendar) if rule.is_renewed() => {
            let left = calendar.end_after(at).saturating_sub(at);
            RefillRule::quota(rule.capacity(), rule.time_to_fill(), left)
        }
        _ => rule,
    };
    let (due, ceiling) = state.due_with_ceiling(before, known, at);
    let ceiling = i128::from(ceiling) + give;
    let cap = i128::from(rule.capacity().min(before.capacity())).min(ceiling);
    let held = i128::from(known.level.tokens) + due.raw + give;
    (rule, clamp(held.min(cap) - debit))
}

/// Returns the lowest level at `at` from which the bucket is full again before it expires at `gone`
/// (epoch ms). An expired bucket comes back full, so it must not expire earlier. `None` if it never
/// expires.
fn covered(
    state: &BucketState,
    rule: RefillRule,
    course: Option<Course<'_>>,
    at: i64,
    gone: i64,
) -> Option<i128> {
    let from = at.max(state.refilled_at.saturating_add(1));
    let refill = match course.filter(|_| !rule.is_quota()) {
        None => rule.accrue(gone.saturating_sub(from), 0),
        Some(course) => course.refill(from, gone, 0).refill,
    };
    (gone < i64::MAX).then(|| i128::from(rule.capacity()) - refill.raw)
}
