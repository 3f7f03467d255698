//! The changes of one limit by a write.

use crate::model::{
    Course, InvalidParameters, Level, LimitName, LimitState, Parameters, Period, PeriodChange,
    PeriodMark, RefillRule, Renewal, Timetable,
};

/// The change of a limit's tokens, millitokens.
///
/// The enum may get more variants. A store must refuse a write with a variant that it does not
/// know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenChange {
    /// Adds to the tokens in the store at the time of the write.
    Add(i64),
    /// Replaces the tokens in the store. Only exact if the line's floor holds.
    Set(i64),
}

impl TokenChange {
    /// Returns the tokens after the change of `tokens`. A sum that does not fit becomes the nearest
    /// `i64`.
    pub fn apply(self, tokens: i64) -> i64 {
        match self {
            Self::Add(amount) => tokens.saturating_add(amount),
            Self::Set(amount) => amount,
        }
    }
}

/// The change of one limit of a bucket. Amounts are millitokens.
///
/// Every line requires that the bucket has the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// The limit.
    pub limit: LimitName,
    /// The change of the limit's tokens.
    pub tokens: TokenChange,
    /// The least that the limit must hold; `None` for no such condition.
    pub floor: Option<i64>,
    /// The most that the limit may hold; `None` for no such condition.
    pub ceiling: Option<i64>,
    /// The parameters that the limit must have; `None` for no such condition.
    pub expected: Option<Parameters>,
    /// The period that the quota must be in; `None` for no such condition.
    pub in_period: Option<PeriodMark>,
    /// The amount that is added to its consumption counter.
    pub consumed: i64,
    /// The new remainder of the limit's refill division.
    pub remainder: Option<i64>,
    /// The new parameters of the limit.
    pub parameters: Option<Parameters>,
    /// The change of a quota's period.
    pub period: PeriodChange,
    /// The change of the schedule of the parameters.
    pub schedule: ScheduleChange,
}

/// The change of a limit's schedule by a write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScheduleChange {
    /// It stays.
    #[default]
    Keep,
    /// The parameters get another schedule, or none.
    Becomes(Option<Timetable>),
}

impl Line {
    /// Returns a change of tokens that has no further condition, and is not counted as consumption.
    pub fn new(limit: LimitName, tokens: TokenChange) -> Self {
        Self {
            limit,
            tokens,
            floor: None,
            ceiling: None,
            expected: None,
            in_period: None,
            consumed: 0,
            remainder: None,
            parameters: None,
            period: PeriodChange::Keep,
            schedule: ScheduleChange::Keep,
        }
    }

    /// Returns the same line with another change of tokens.
    #[must_use]
    pub fn with_tokens(mut self, tokens: TokenChange) -> Self {
        self.tokens = tokens;
        self
    }

    /// Returns the same line on condition that the limit holds at least `floor`.
    #[must_use]
    pub fn with_floor(mut self, floor: i64) -> Self {
        self.floor = Some(floor);
        self
    }

    /// Returns the same line on condition that the limit holds at most `ceiling`.
    #[must_use]
    pub fn with_ceiling(mut self, ceiling: i64) -> Self {
        self.ceiling = Some(ceiling);
        self
    }

    /// Returns the same line on condition that the limit has these parameters.
    #[must_use]
    pub fn with_expected(mut self, parameters: Parameters) -> Self {
        self.expected = Some(parameters);
        self
    }

    /// Returns the same line on condition that the quota is in this period.
    #[must_use]
    pub fn with_in_period(mut self, mark: PeriodMark) -> Self {
        self.in_period = Some(mark);
        self
    }

    /// Returns the same line with an amount that is added to the consumption counter.
    #[must_use]
    pub fn with_consumed(mut self, consumed: i64) -> Self {
        self.consumed = consumed;
        self
    }

    /// Returns the same line with a new remainder of the refill division.
    #[must_use]
    pub fn with_remainder(mut self, remainder: i64) -> Self {
        self.remainder = Some(remainder);
        self
    }

    /// Returns the same line with new parameters.
    #[must_use]
    pub fn with_parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = Some(parameters);
        self
    }

    /// Returns the same line with a change of the quota's period.
    #[must_use]
    pub fn with_period(mut self, period: PeriodChange) -> Self {
        self.period = period;
        self
    }

    /// Returns the same line with a change of the limit's schedule.
    #[must_use]
    pub fn with_schedule(mut self, schedule: ScheduleChange) -> Self {
        self.schedule = schedule;
        self
    }

    /// Returns `true` if every condition holds for the limit.
    pub(super) fn holds(&self, limit: &LimitState) -> bool {
        self.holds_tokens(limit.level.tokens)
            && self
                .expected
                .is_none_or(|expected| limit.parameters == expected)
            && self
                .in_period
                .is_none_or(|mark| limit.period().and_then(Period::mark) == Some(mark))
    }

    /// Returns `true` if floor and ceiling hold for `tokens` (millitokens).
    pub(crate) fn holds_tokens(&self, tokens: i64) -> bool {
        self.floor.is_none_or(|floor| tokens >= floor)
            && self.ceiling.is_none_or(|ceiling| tokens <= ceiling)
    }

    /// Applies the line to the limit of shard `shard` of `count`, whose anchor is `anchor` after
    /// the write.
    pub(super) fn apply(
        &self,
        limit: &mut LimitState,
        shard: (u32, u32),
        anchor: i64,
    ) -> Result<(), InvalidParameters> {
        limit.level.tokens = self.tokens.apply(limit.level.tokens);
        limit.consumed = limit.consumed.saturating_add(self.consumed);
        if let Some(remainder) = self.remainder {
            limit.level.remainder = remainder;
        }
        if let Some(parameters) = self.parameters {
            let period = limit.period.take();
            let timetable = limit.timetable().cloned();
            *limit = LimitState::new(
                limit.name.clone(),
                parameters,
                shard,
                limit.level,
                limit.consumed,
            )?
            .with_timetable(timetable, shard, anchor);
            limit.period = period;
        }
        if let ScheduleChange::Becomes(timetable) = &self.schedule {
            let base = limit.parameters.shard(shard.0, shard.1)?;
            limit.rule = base;
            *limit = limit
                .clone()
                .with_timetable(timetable.clone(), shard, anchor);
        }
        let resets = limit.period.as_ref().map_or(0, |period| period.resets);
        let renewed = |renewal: &Renewal, at| {
            let mut period = Period::at(renewal.clone(), at);
            period.resets = resets;
            Box::new(period)
        };
        match &self.period {
            PeriodChange::Keep | PeriodChange::Stays(_) => {}
            PeriodChange::Renews(at) | PeriodChange::Opens(at) => {
                limit.period = limit.renewal().map(|renewal| renewed(renewal, *at));
            }
            PeriodChange::Joins(_) => {
                if let Some(period) = &mut limit.period {
                    period.topped_up = 0;
                    period.grant = None;
                    period.stored_tokens = None;
                }
            }
            PeriodChange::Becomes(renewal) => {
                let new = |renewal: &Renewal| Box::new(Period::at(renewal.clone(), anchor));
                limit.period = renewal.as_ref().map(new);
            }
        }
        Ok(())
    }
}

/// A limit that a write adds to a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewLimit {
    /// The limit, which the bucket must not have yet.
    pub limit: LimitName,
    /// The parameters of the limit.
    pub parameters: Parameters,
    /// The tokens of the limit.
    pub level: Level,
    /// The consumption counter of the limit, millitokens.
    pub consumed: i64,
    /// The first period of a quota.
    pub period: Option<Period>,
    /// The schedule of the parameters.
    pub timetable: Option<Timetable>,
}

impl NewLimit {
    /// Returns a limit of which nothing was consumed.
    pub fn new(limit: LimitName, parameters: Parameters, level: Level) -> Self {
        Self {
            limit,
            parameters,
            level,
            consumed: 0,
            period: None,
            timetable: None,
        }
    }

    /// Returns the same limit with a schedule of its parameters.
    #[must_use]
    pub fn with_timetable(mut self, timetable: Timetable) -> Self {
        self.timetable = Some(timetable);
        self
    }

    /// Returns the same limit as a quota in this period.
    #[must_use]
    pub fn with_period(mut self, period: Period) -> Self {
        self.period = Some(period);
        self
    }

    /// Returns the rule of an unsharded bucket with the limit at `now` (epoch ms).
    pub(crate) fn rule_at(&self, now: i64) -> RefillRule {
        let parameters = match &self.timetable {
            None => self.parameters,
            Some(timetable) => timetable.parameters_at(self.parameters, now),
        };
        let rule = parameters.whole();
        match &self.period {
            None => rule,
            Some(period) => {
                let left = period.ends_at.saturating_sub(now).max(0);
                RefillRule::quota(rule.capacity(), period.renewal.cycle(), left)
            }
        }
    }

    /// Returns the rules of an unsharded bucket over time, if the limit has a schedule.
    pub(crate) fn course(&self) -> Option<Course<'_>> {
        Some(Course {
            timetable: self.timetable.as_ref()?,
            parameters: self.parameters,
            shard: (0, 1),
        })
    }

    /// Returns the same limit with other parameters.
    #[must_use]
    pub fn with_parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = parameters;
        self
    }

    /// Returns the same limit with another level.
    #[must_use]
    pub fn with_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Returns the same limit with a consumption counter, millitokens.
    #[must_use]
    pub fn with_consumed(mut self, consumed: i64) -> Self {
        self.consumed = consumed;
        self
    }

    /// Returns the limit of shard `shard` of `count`, of a bucket with this anchor (epoch ms).
    pub(super) fn state(
        &self,
        shard: (u32, u32),
        anchor: i64,
    ) -> Result<LimitState, InvalidParameters> {
        LimitState::new(
            self.limit.clone(),
            self.parameters,
            shard,
            self.level,
            self.consumed,
        )
        .map(|limit| {
            limit.with_period(self.period.clone()).with_timetable(
                self.timetable.clone(),
                shard,
                anchor,
            )
        })
    }
}
