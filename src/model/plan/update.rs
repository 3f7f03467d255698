//! Plans the update that applies a batch of changes to a bucket.

use smallvec::SmallVec;

use super::{
    Desired, LedgerDelta, Peers, Siblings, clamp,
    create::added_limits,
    expiry,
    levels::new_definition,
    line::{self, PlannedLine, Rows},
};
use crate::model::{
    Anchor, Boundary, BucketState, ClockReading, Expiry, LimitState, Line, MILLI, PeriodChange,
    ScheduleChange, StampGuard, TokenChange, Update, Validity, WriteId,
};

/// The millitokens above which a number makes the write move the anchor, so that no `i64`
/// overflows: 10^15 tokens per second fill an `i64` in 9 s.
const LARGE: i128 = 1 << 61;

/// The difference between the clocks of processes to expect, ms. If a process with a clock that is
/// ahead by this much moves the anchor, a bucket that fills in less time looks empty to the others.
const CLOCKS_APART: i64 = 1000;

/// The writes left below which an update refills the internal write counter. Python clients double
/// the shards of an item whose counter is empty.
const FEW_WRITES: i64 = 300 * MILLI;

/// Returns the update that applies `changes` to the bucket as `state` shows it, and changes it to
/// `desired`.
///
/// The anchor stays the same unless something forces it to move, so that writes of different
/// processes commute. Changes of limits that neither the bucket nor `desired` has are left out.
///
/// An anchor that a wrong clock has set far in the future would keep the bucket from refilling. A
/// process that knows the error of its own clock replaces such an anchor by the current time.
pub fn update<'a>(
    state: &BucketState,
    changes: &LedgerDelta,
    desired: impl Into<Desired<'a>>,
    now: impl Into<ClockReading>,
    id: WriteId,
) -> Update {
    let (mut desired, now) = (desired.into(), now.into());
    let seen = state.refilled_at;
    if let Some(count) = desired
        .siblings
        .raises_to
        .take_if(|count| *count > state.shard_count)
    {
        let mut raised = state.clone();
        if raised.raise(count).is_ok() {
            // The remainders are fractions for the number of shards before.
            for limit in &mut raised.limits {
                limit.level.remainder = 0;
            }
            let mut update = Planner {
                state: &raised,
                changes,
                desired: Desired {
                    siblings: Siblings {
                        raises_to: Some(count),
                        ..desired.siblings
                    },
                    ..desired
                },
                now: now.at,
            }
            .plan(id, None);
            update.shard_count = Some(state.shard_count);
            update.raises_to = Some(count);
            return update;
        }
    }
    if now.is_far_before(seen) {
        let mut corrected = state.clone();
        corrected.set_anchor(now.at);
        return Planner {
            state: &corrected,
            changes,
            desired,
            now: now.at,
        }
        .plan(id, Some((seen, now.at)));
    }
    Planner {
        state,
        changes,
        desired,
        now: now.at,
    }
    .plan(id, None)
}

/// Returns the update that takes the `take` amounts of `changes`, even if the bucket does not hold
/// them. This update is used after too many refusals.
///
/// The update also takes the refill above the capacity, which would otherwise replace the taken
/// tokens. The image may be a round trip old, so it may take a little too much, but the bucket
/// never grants more than it holds.
pub fn take_anyway(state: &BucketState, changes: &LedgerDelta, now: i64, id: WriteId) -> Update {
    let lines = state.limits.iter().filter_map(|known| {
        let take = changes
            .get(&known.name)
            .map(|change| change.debit_of(known.level.tokens) - change.spend)
            .filter(|take| *take > 0)?;
        let rule = known.rule_at(now);
        // A quota does not refill, and the end of its period forgives debts.
        let (due, ceiling) = if rule.is_quota() {
            (0, i64::MAX)
        } else {
            let (refill, ceiling) = state.due_with_ceiling(rule, known, now);
            (refill.raw, ceiling)
        };
        let capacity = rule.capacity().min(ceiling);
        let overflow = i128::from(known.level.tokens) + due - i128::from(capacity);
        let tokens = TokenChange::Add(clamp(-i128::from(take) - overflow.max(0)));
        Some(Line::new(known.name.clone(), tokens).with_consumed(take))
    });
    let mut update = Update::new(id, now);
    update.lines = lines.collect();
    update.pressure = state.pressure.map(|_| TokenChange::Add(-MILLI));
    update
}

/// Returns the update of [`take_anyway`], on condition that no limit has more tokens than the image
/// shows.
///
/// A delayed give-back may arrive between the image and this write. The tokens that it adds to a
/// full bucket are not in the overflow of the image, so they would stay.
pub fn take_overdue(state: &BucketState, changes: &LedgerDelta, now: i64, id: WriteId) -> Update {
    let mut update = take_anyway(state, changes, now, id);
    for line in &mut update.lines {
        let known = state.limit(&line.limit);
        line.ceiling = known.map(|known| known.stored_tokens().unwrap_or(known.level.tokens));
    }
    update
}

struct Planner<'a> {
    state: &'a BucketState,
    changes: &'a LedgerDelta,
    desired: Desired<'a>,
    /// Epoch ms.
    now: i64,
}

impl Planner<'_> {
    /// Plans the update. `repair` is the anchor that was seen, and the one that replaces it.
    fn plan(&self, id: WriteId, repair: Option<(i64, i64)>) -> Update {
        let Self { state, changes, .. } = *self;
        let mut update = Update::new(id, self.now);
        update.lineage = self
            .desired
            .lineage
            .filter(|link| state.lacks(link))
            .cloned();
        update.shard_count = Some(state.shard_count);
        let stamps = state.stamps.as_deref();
        if stamps.is_some_and(|stamps| stamps.not_understood.is_some()) {
            // The refill of this bucket is not understood: only leases are settled.
            update.lines = line::settling(state, changes, self.now);
            return update;
        }
        let rows = if repair.is_some() || self.must_move() {
            None
        } else {
            self.rows_in_place()
        };
        match rows {
            Some(rows) => {
                if rows.iter().any(|row| row.relies_on_anchor) {
                    update.anchor = Anchor::Pinned(state.refilled_at);
                }
                update.lines = rows.into_iter().map(|row| row.line).collect();
            }
            None => self.move_anchor(&mut update, repair),
        }
        let moves = update.anchor.moves_to().is_some();
        update.stamps = self.stamp_guard(moves, &update.boundary);
        update.pressure = self.pressure(moves);
        update
    }

    /// Returns `true` if the write must move the anchor, for any rows.
    fn must_move(&self) -> bool {
        let Self {
            state,
            ref desired,
            now,
            ..
        } = *self;
        let large = |known: &LimitState| {
            let due = state.due_at(known, now).raw;
            due > LARGE || i128::from(known.level.tokens).abs() > LARGE
        };
        let few_writes = || {
            state
                .pressure
                .is_some_and(|pressure| pressure.level.tokens < FEW_WRITES)
        };
        super::differs(state, desired.limits)
            || desired.siblings.raises_to.is_some()
            || !desired.siblings.sessions.is_empty()
            || state
                .stamps
                .as_deref()
                .is_some_and(|stamps| stamps.is_outdated(now))
            || state.is_past_a_change(now)
            || expiry::is_due(state, (desired.own, desired.ttl), now)
            || (desired.others.peers != Peers::Absent && few_writes())
            || state
                .limits
                .iter()
                .any(|known| large(known) || known.is_owed())
    }

    /// Returns the rows of a write that does not move the anchor; `None` if a row requires the
    /// move.
    fn rows_in_place(&self) -> Option<SmallVec<[PlannedLine; 2]>> {
        let gone = self
            .state
            .expires_at
            .map(|seconds| seconds.saturating_mul(1000));
        let rows = self.rows(None, gone);
        let changed = self.state.limits.iter().enumerate();
        let changed = changed.filter_map(|(index, known)| {
            Some((
                known,
                rows.row(
                    known,
                    self.taken(index),
                    self.changes.get(&known.name),
                    None,
                )?,
            ))
        });
        changed
            .map(|(known, row)| (!self.needs_move(known, &row)).then_some(row))
            .collect()
    }

    fn needs_move(&self, known: &LimitState, row: &PlannedLine) -> bool {
        let rule = known.rule_at(self.now);
        let cap = i128::from(rule.capacity());
        let old = match self.desired.others.peers {
            // Python clients do not expect an anchor that stays. In a race with one, the refill
            // since the anchor is lost.
            Peers::Present => row.is_at_cap || row.relies_on_anchor,
            // They compute the refill since the anchor by the rate of now.
            Peers::Unknown if known.timetable().is_some() => row.is_at_cap || row.relies_on_anchor,
            Peers::Unknown => row.is_at_cap && row.due > cap,
            // If a process with a clock that is ahead moved the anchor, the bucket would look empty
            // to all others.
            Peers::Absent => {
                row.is_at_cap && rule.time_to_fill() < CLOCKS_APART && row.due > cap / 2
            }
        };
        old || row.is_uncovered
    }

    fn move_anchor(&self, update: &mut Update, repair: Option<(i64, i64)>) {
        let Self {
            state,
            changes,
            ref desired,
            now,
        } = *self;
        let seen = state.refilled_at;
        // The anchor never moves back, except for a repair. A write that moves the anchor always
        // changes it, because the rows of other writers rely on it.
        let (seen, to) = repair.unwrap_or((seen, now.max(seen.saturating_add(1))));
        update.anchor = Anchor::Moves { seen, to };
        update.added = added_limits(state, changes, desired, to);
        let stamps = state.stamps.as_deref();
        update.has_reset_schedule = stamps.is_some_and(|stamps| stamps.has_reset_schedule);
        update.has_schedule = stamps.is_some_and(|stamps| stamps.has_schedule);
        let gone = expiry::after(state, changes, desired, &update.added, (now, to));
        update.expiry = match gone {
            Some(seconds) => Expiry::At(seconds),
            None if state.expires_at.is_some() => Expiry::Never,
            None => Expiry::Keep,
        };
        let rows = self.rows(Some(to), gone.map(|seconds| seconds.saturating_mul(1000)));
        let lines = state
            .limits
            .iter()
            .enumerate()
            .filter_map(|(index, known)| {
                let new = new_definition(known, desired.limits);
                let taken = self.taken(index);
                rows.row(known, taken, changes.get(&known.name), new.as_ref())
            });
        update.lines = lines.map(|row| row.line).collect();
        update.boundary = self.boundary(update, to);
    }

    /// Returns the first end of a period or change of a schedule after the write, which moves the
    /// anchor to `to`. Nobody may spend after it before the anchor moves again.
    fn boundary(&self, update: &Update, to: i64) -> Boundary {
        let known = self.state.limits.iter().filter_map(|known| {
            let line = update.lines.iter().find(|line| line.limit == known.name);
            match line.map(|line| &line.period) {
                Some(
                    PeriodChange::Renews(at) | PeriodChange::Opens(at) | PeriodChange::Joins(at),
                ) => Some(known.renewal()?.end_after(*at)),
                Some(PeriodChange::Becomes(renewal)) => Some(renewal.as_ref()?.end_after(to)),
                Some(PeriodChange::Keep | PeriodChange::Stays(_)) | None => {
                    Some(known.period()?.end_from(to))
                }
            }
        });
        let added = update.added.iter();
        let added = added.filter_map(|new| Some(new.period.as_ref()?.ends_at));
        let changes = self.state.limits.iter().filter_map(|known| {
            let line = update.lines.iter().find(|line| line.limit == known.name);
            match line.map(|line| &line.schedule) {
                Some(ScheduleChange::Becomes(timetable)) => timetable.as_ref(),
                _ => known.timetable(),
            }
        });
        let new = update.added.iter().filter_map(|new| new.timetable.as_ref());
        let changes = changes
            .chain(new)
            .map(|timetable| timetable.window(to).until);
        match known.chain(added).chain(changes).min() {
            Some(end) => Boundary::At(end),
            None if self.state.first_end().is_some() => Boundary::Never,
            None => Boundary::Keep,
        }
    }

    fn rows(&self, moves_to: Option<i64>, gone: Option<i64>) -> Rows<'_> {
        Rows {
            state: self.state,
            now: self.now,
            moves_to,
            slack: self.desired.others.slack,
            gone,
            sessions: &self.desired.siblings.sessions,
            raises: self.desired.siblings.raises_to.is_some(),
        }
    }

    fn taken(&self, index: usize) -> i64 {
        self.desired.others.taken.get(index).copied().unwrap_or(0)
    }

    /// Returns the write's conditions on the bucket's stamps: they must have the same effect as
    /// when the write was planned.
    fn stamp_guard(&self, moves: bool, boundary: &Boundary) -> StampGuard {
        let Self {
            state,
            changes,
            now,
            ..
        } = *self;
        let valid_until = state
            .stamps
            .as_deref()
            .and_then(|stamps| stamps.valid_until);
        let soft = changes
            .iter()
            .filter(|change| change.spend > 0 && state.is_soft(&change.limit, now));
        StampGuard {
            enabled: changes.grants(),
            bypassed: changes.grants().then(|| state.is_bypassed(now)),
            soft: soft.map(|change| change.limit.clone()).collect(),
            validity: match valid_until {
                Some(seen) if moves && seen <= now && *boundary == Boundary::Keep => {
                    Validity::Ends(seen)
                }
                seen if moves => Validity::Seen(seen),
                // What is given back must not reach a later period.
                seen if self.gives_before_an_end() => Validity::Seen(seen),
                _ if changes.grants() => Validity::Lasts,
                _ => Validity::Any,
            },
        }
    }

    /// Returns `true` if something is given back to a quota, or to a limit with a schedule.
    fn gives_before_an_end(&self) -> bool {
        let gives = |known: &LimitState| {
            let change = self.changes.get(&known.name);
            let ends = known.period().is_some() || known.timetable().is_some();
            ends && change.is_some_and(|change| change.give_to(known) > 0)
        };
        self.state.limits.iter().any(gives)
    }

    /// Charges one write to the internal limit that counts writes. The internal limit never denies,
    /// so it has no conditions.
    fn pressure(&self, moves: bool) -> Option<TokenChange> {
        let pressure = self.state.pressure?;
        if !moves {
            return Some(TokenChange::Add(-MILLI));
        }
        let (rule, level) = (pressure.rule, pressure.level);
        let raw = rule.accrue(self.state.age(self.now), level.remainder).raw;
        if i128::from(level.tokens) + raw >= i128::from(rule.capacity()) {
            return Some(TokenChange::Set(rule.capacity().saturating_sub(MILLI)));
        }
        Some(TokenChange::Add(clamp(raw).saturating_sub(MILLI)))
    }
}
