//! One limit of a bucket, as a store returns it.

use super::{
    Course, InvalidParameters, Level, Limit, LimitName, Parameters, RefillRule, Timetable,
    limit_schedule::zones_of, period::Period, quota::Renewal,
};

/// One limit of a bucket shard.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitState {
    /// The limit's name.
    pub name: LimitName,
    /// The parameters of the limit, for all shards together.
    pub parameters: Parameters,
    /// The rule of this shard at the bucket's anchor, computed once.
    pub(crate) rule: RefillRule,
    /// The tokens at the last refill.
    pub level: Level,
    /// The net consumption since the bucket was created, millitokens.
    pub consumed: i64,
    /// The current period of a quota. Boxed, because most limits have none.
    pub(crate) period: Option<Box<Period>>,
    /// The schedule of the parameters. Boxed, because most limits have none.
    pub(crate) scheduled: Option<Box<Scheduled>>,
}

/// The schedule of a limit in one bucket shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scheduled {
    pub(crate) timetable: Timetable,
    /// The number of the shard, and the number of shards.
    pub(super) shard: (u32, u32),
    /// The first time after the bucket's anchor at which the numbers change: epoch ms.
    pub(super) until: i64,
}

impl LimitState {
    /// Returns the limit `name` of shard `shard` of `count`.
    ///
    /// # Errors
    /// [`InvalidParameters`] if period times shard count exceeds an `i64`, or if `shard` is not
    /// below `count`.
    pub fn new(
        name: LimitName,
        parameters: Parameters,
        (shard, count): (u32, u32),
        level: Level,
        consumed: i64,
    ) -> Result<Self, InvalidParameters> {
        let rule = parameters.shard(shard, count)?;
        Ok(Self {
            name,
            parameters,
            rule,
            level,
            consumed,
            period: None,
            scheduled: None,
        })
    }

    /// Returns the same limit with this schedule of its parameters, in shard `shard` of `count` of a
    /// bucket with this anchor (epoch ms).
    #[must_use]
    pub fn with_timetable(
        mut self,
        timetable: Option<Timetable>,
        shard: (u32, u32),
        anchor: i64,
    ) -> Self {
        self.scheduled = timetable.map(|timetable| {
            Box::new(Scheduled {
                timetable,
                shard,
                until: i64::MIN,
            })
        });
        self.set_anchor(anchor);
        self
    }

    /// Returns the schedule of the limit's parameters.
    pub fn timetable(&self) -> Option<&Timetable> {
        self.scheduled
            .as_ref()
            .map(|scheduled| &scheduled.timetable)
    }

    /// Sets the rule to that at the bucket's new anchor: epoch ms.
    pub(crate) fn set_anchor(&mut self, anchor: i64) {
        if let Some(scheduled) = &mut self.scheduled {
            let window = scheduled.timetable.window(anchor);
            scheduled.until = window.until;
            let (shard, count) = scheduled.shard;
            let parameters = scheduled.timetable.parameters_in(self.parameters, window);
            self.rule = parameters.shard(shard, count).unwrap_or(self.rule);
        }
    }

    /// Forgets the bucket's anchor, so that limits of buckets with other anchors are equal.
    pub(crate) fn forget_anchor(&mut self) {
        if let Some(scheduled) = &mut self.scheduled {
            scheduled.until = i64::MIN;
            let (shard, count) = scheduled.shard;
            self.rule = self.parameters.shard(shard, count).unwrap_or(self.rule);
        }
    }

    /// Returns the rules over time, if the limit has a schedule.
    pub(crate) fn course(&self) -> Option<Course<'_>> {
        self.scheduled.as_ref().map(|scheduled| Course {
            timetable: &scheduled.timetable,
            parameters: self.parameters,
            shard: scheduled.shard,
        })
    }

    /// Returns the rules over time if the numbers have changed since the anchor.
    #[inline]
    pub(super) fn course_at(&self, now: i64) -> Option<Course<'_>> {
        let scheduled = self.scheduled.as_ref()?;
        (now >= scheduled.until).then(|| self.course()).flatten()
    }

    /// Returns the same limit in this period of a quota.
    #[must_use]
    pub fn with_period(mut self, period: Option<Period>) -> Self {
        self.period = period.map(Box::new);
        self
    }

    /// Returns the limit, for all shards together. `None` if the stored parameters are not those of a
    /// limit that this crate could have: a capacity that is no whole number of tokens, for example.
    ///
    /// ```
    /// use tollgate::{EntityId, Limit, RateLimiter};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let limit = Limit::per_minute("rpm", 60).with_burst(90);
    /// limiter.acquire("user-1", "api").limits(limit.clone()).await?.commit();
    ///
    /// let mut buckets = limiter.entities().buckets(&EntityId::new("user-1")?);
    /// let (_, bucket) = buckets.next().await.expect("there is one")?;
    /// assert_eq!(bucket.limits()[0].limit(), Some(limit));
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn limit(&self) -> Option<Limit> {
        let timetable = self.timetable();
        Limit::from_parameters(&self.name, self.parameters, self.renewal(), timetable)
    }

    /// Returns the current period, if the limit is a quota.
    pub fn period(&self) -> Option<&Period> {
        self.period.as_deref()
    }

    /// Returns the [id](Period::id) of the current period; 0 for a token bucket.
    pub(crate) fn period_id(&self) -> i64 {
        self.period().map_or(0, Period::id)
    }

    /// Returns the time at which the period ends, or at which the schedule changes the numbers:
    /// epoch ms. `None` if the limit has neither, or if its session has not begun.
    pub(crate) fn changes_at(&self) -> Option<i64> {
        let end = self.period().filter(|period| period.is_open());
        let end = end.map(|period| period.ends_at);
        let change = self.scheduled.as_ref().map(|scheduled| scheduled.until);
        end.into_iter().chain(change).min()
    }

    /// Returns `true` if the limit is a session that another shard has begun, and whose tokens the
    /// next write grants.
    pub(crate) fn is_owed(&self) -> bool {
        self.stored_tokens().is_some()
    }

    /// Returns the millitokens that the store holds in place of the level, if the limit
    /// [is owed](Self::is_owed) a session.
    pub(crate) fn stored_tokens(&self) -> Option<i64> {
        self.period.as_ref()?.stored_tokens
    }

    /// Returns `true` if the limit may join a session of this length (ms) that began at `begun`: the
    /// session has not ended at `now` (epoch ms), and the limit's last one had ended when it began.
    pub(crate) fn may_join(&self, begun: i64, length: i64, now: i64) -> bool {
        let ended = self
            .period
            .as_ref()
            .is_none_or(|period| period.ends_at <= begun);
        ended && begun <= now && begun.saturating_add(length) > now
    }

    /// Returns the periods of a quota.
    pub fn renewal(&self) -> Option<&Renewal> {
        self.period.as_ref().map(|period| &period.renewal)
    }

    /// Returns the time zones of the quota's calendar and of the schedule.
    pub(crate) fn zones(&self) -> impl Iterator<Item = &str> {
        zones_of(self.renewal(), self.timetable())
    }

    /// Returns `true` if the limit is a quota with these periods, and the next one begins now
    /// (epoch ms): with the new amount, if it changes.
    pub(crate) fn begins_anew(&self, renewal: Option<&Renewal>, now: i64) -> bool {
        self.period.is_some() && self.renewal() == renewal && self.rule_at(now).is_renewed()
    }

    /// Returns `true` if the limit has this definition.
    pub(crate) fn is(&self, wanted: &Limit) -> bool {
        self.parameters == Parameters::from(wanted)
            && self.renewal() == wanted.renewal()
            && self.timetable() == wanted.timetable()
    }

    /// Returns the numbers of the limit at `now` (epoch ms), for all shards together.
    pub(crate) fn parameters_at(&self, now: i64) -> Parameters {
        match self.timetable() {
            None => self.parameters,
            Some(timetable) => timetable.parameters_at(self.parameters, now),
        }
    }

    /// Returns the rule by which this shard's limit refills at `now` (epoch ms). A token bucket
    /// without a schedule has the same rule at any time.
    #[inline]
    pub fn rule_at(&self, now: i64) -> RefillRule {
        let rule = self.numbers_at(now);
        match &self.period {
            None => rule,
            Some(period) => self.quota_at(rule, period, now),
        }
    }

    /// Returns the rule of the limit's numbers at `now`: epoch ms. The periods of a quota are not
    /// known to it.
    #[inline]
    pub(crate) fn numbers_at(&self, now: i64) -> RefillRule {
        match self.course_at(now) {
            None => self.rule,
            Some(course) => course.rule_at(now),
        }
    }

    #[cold]
    fn quota_at(&self, rule: RefillRule, period: &Period, now: i64) -> RefillRule {
        let left = period.ends_at.saturating_sub(now).max(0);
        let capacity = rule.capacity();
        // What an operator has added is gone when the period ends, and so is the share of another
        // number of shards.
        let capacity = if left > 0 {
            period.ceiling(self.parameters_at(now), capacity)
        } else {
            capacity
        };
        RefillRule::quota(capacity, period.renewal.cycle(), left)
    }
}
