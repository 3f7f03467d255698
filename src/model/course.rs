//! The refill of a limit over the windows of its schedule.

use super::{Level, Parameters, Refill, RefillRule, Timetable};

/// The number of windows that one computation looks at. What lies beyond is estimated: the refill
/// by the slowest rate, so that no tokens are minted.
const MOST_WINDOWS: usize = 64;

/// The rules of a limit in one bucket shard over time. Times are epoch ms, amounts millitokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course<'a> {
    pub(crate) timetable: &'a Timetable,
    /// The limit's own numbers, for all shards together.
    pub(crate) parameters: Parameters,
    /// The number of the shard, and the number of shards.
    pub(crate) shard: (u32, u32),
}

/// The refill of a span of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanRefill {
    pub(crate) refill: Refill,
    /// The most that the limit can hold at the end, because it held no more than its capacity in
    /// each window.
    pub(crate) ceiling: i64,
    /// `true` if the ceiling is the capacity of the last window, and not that of an earlier one with
    /// the refill since.
    is_full: bool,
}

impl SpanRefill {
    /// Returns the same refill if the limit gets `give` millitokens at the end of the span.
    pub(crate) fn with_more(self, give: i64) -> Self {
        Self {
            ceiling: self.ceiling.saturating_add(give),
            ..self
        }
    }

    /// Returns the level at the end of the span.
    pub(crate) fn apply(self, level: Level) -> Level {
        let tokens = i128::from(level.tokens) + self.refill.raw;
        match i64::try_from(tokens) {
            Ok(tokens) if tokens < self.ceiling => Level::new(tokens, self.refill.remainder),
            _ if self.is_full => Level::new(self.ceiling, 0),
            _ => Level::new(self.ceiling, self.refill.remainder),
        }
    }
}

impl Course<'_> {
    /// Returns the rule at `at`, and the time up to which it holds. The numbers of all windows are
    /// valid for the shard; if they are not, the limit holds nothing.
    fn window(&self, at: i64) -> (RefillRule, i64) {
        let window = self.timetable.window(at);
        let parameters = self.timetable.parameters_in(self.parameters, window);
        (self.of(parameters), window.until)
    }

    fn of(&self, parameters: Parameters) -> RefillRule {
        let (shard, count) = self.shard;
        let rule = parameters.shard(shard, count);
        rule.unwrap_or(RefillRule::token_bucket(0, 1, i64::MAX))
    }

    /// Returns the rule at `at`.
    pub(crate) fn rule_at(&self, at: i64) -> RefillRule {
        self.window(at).0
    }

    /// Returns the rules of all windows.
    fn rules(&self) -> impl Iterator<Item = RefillRule> {
        self.timetable
            .all(self.parameters)
            .map(|parameters| self.of(parameters))
    }

    /// Returns the greatest capacity that the limit has at some time.
    pub(crate) fn greatest_capacity(&self) -> i64 {
        let reached = self.timetable.reached(self.parameters);
        let capacities = reached.map(|parameters| self.of(parameters).capacity());
        capacities.max().unwrap_or(0)
    }

    /// Returns the longest time to fill of all windows.
    pub(crate) fn longest_time_to_fill(&self) -> i64 {
        let times = self.rules().map(RefillRule::time_to_fill);
        times.max().unwrap_or(i64::MAX)
    }

    /// Returns the refill from `from` to `to`, and the most that the limit can hold then.
    /// `remainder` is that of the last refill.
    pub(crate) fn refill(&self, from: i64, to: i64, remainder: i64) -> SpanRefill {
        let (mut at, mut raw, mut remainder) = (from, 0, remainder);
        let mut ceiling = i128::MAX >> 1;
        let mut add = |rule: RefillRule, millis: i64, remainder: i64| {
            let refill = rule.accrue(millis, remainder);
            raw += refill.raw;
            ceiling = (ceiling + refill.raw).min(rule.capacity().into());
            refill.remainder
        };
        for _ in 0..MOST_WINDOWS {
            let (rule, until) = self.window(at);
            let end = until.min(to);
            let left = add(rule, end.saturating_sub(at), remainder);
            if until > to {
                return Self::span((raw, left), ceiling, rule);
            }
            // The remainder is a fraction for the parameters of its window.
            (at, remainder) = (until, 0);
        }
        let capacity = self.rules().map(RefillRule::capacity).min().unwrap_or(0);
        let slowest = self
            .rules()
            .min_by_key(|rule| rule.accrue(to.saturating_sub(at), 0).raw);
        if let Some(slowest) = slowest {
            let rule = slowest.with_capacity(capacity);
            add(rule, to.saturating_sub(at), 0);
        }
        let rule = self.rule_at(to);
        add(rule, 0, 0);
        Self::span((raw, 0), ceiling, rule)
    }

    /// Returns the refill of a span whose last window has this rule.
    fn span((raw, remainder): (i128, i64), ceiling: i128, last: RefillRule) -> SpanRefill {
        SpanRefill {
            refill: Refill { raw, remainder },
            ceiling: i64::try_from(ceiling).unwrap_or(i64::MAX),
            is_full: ceiling >= i128::from(last.capacity()),
        }
    }

    /// Returns the milliseconds from `at` until the limit, which has this level at `at`, holds
    /// `amount`. `None` if no window has the capacity.
    pub(crate) fn wait(&self, level: Level, amount: i64, at: i64) -> Option<i64> {
        if amount > self.greatest_capacity() {
            return None;
        }
        Some(self.wait_until(level, at, |_| amount))
    }

    /// Returns the milliseconds from `at` until the limit, which has this level at `at`, is full.
    pub(crate) fn full_in(&self, level: Level, at: i64) -> i64 {
        self.wait_until(level, at, RefillRule::capacity)
    }

    /// Returns the milliseconds until the limit holds the amount that is wanted by the rule of the
    /// window.
    fn wait_until(&self, level: Level, at: i64, wanted: impl Fn(RefillRule) -> i64) -> i64 {
        let (begin, mut at, mut level) = (at, at, level);
        for _ in 0..MOST_WINDOWS {
            let (rule, until) = self.window(at);
            // A window that has less capacity cuts the level.
            level = rule.refill(level, 0);
            let wait = rule.wait(level, wanted(rule));
            let ready = wait.map(|wait| at.saturating_add(wait));
            if let Some(ready) = ready.filter(|ready| *ready < until) {
                return ready.saturating_sub(begin);
            }
            level = Level::new(rule.refill(level, until.saturating_sub(at)).tokens, 0);
            at = until;
        }
        // Longer than what is looked at. It is full within the longest time to fill if nothing cuts
        // it.
        at.saturating_add(self.longest_time_to_fill())
            .saturating_sub(begin)
    }
}

#[cfg(all(test, feature = "quotas"))]
mod tests;
