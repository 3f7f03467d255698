//! The current period of a quota in a bucket, and its changes.

use super::{Parameters, Renewal};

/// The current period of a quota in one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Period {
    /// The quota's periods.
    pub renewal: Renewal,
    /// The time at which the bucket is full again: epoch ms. It has passed if nobody has charged
    /// the bucket since.
    pub ends_at: i64,
    /// The millitokens that an operator has added for this period alone.
    pub topped_up: i64,
    /// The number of times that an operator has reset the quota.
    pub resets: i64,
    /// The shard and the number of shards for which this period was granted. `None` if that is the
    /// number of shards that the bucket has.
    pub(crate) grant: Option<(u32, u32)>,
    /// The millitokens that the store holds, if another shard has begun this session, and no write
    /// has granted this shard's tokens for it. The level counts as if they were granted.
    pub(crate) stored_tokens: Option<i64>,
}

impl Period {
    /// Returns the period that begins at `time`, or that contains it: epoch ms.
    pub fn at(renewal: Renewal, time: i64) -> Self {
        Self {
            ends_at: renewal.end_after(time),
            renewal,
            topped_up: 0,
            resets: 0,
            grant: None,
            stored_tokens: None,
        }
    }

    /// Returns the same period, granted to shard `shard` when the bucket had `count` shards. The
    /// shard then holds the tokens of all later shards whose number is congruent to its own, modulo
    /// `count`.
    #[must_use]
    pub fn granted_for(mut self, shard: u32, count: u32) -> Self {
        self.grant = Some((shard, count.max(1)));
        self
    }

    /// Returns the number of shards for which the period was granted; `None` if that is the number
    /// of shards that the bucket has.
    pub fn granted_count(&self) -> Option<u32> {
        self.grant.map(|(_, count)| count)
    }

    /// Returns `true` if a compact image of the bucket has to keep the whole period, and not only
    /// its end.
    pub(crate) fn is_special(&self) -> bool {
        self.grant.is_some()
            || self.stored_tokens.is_some()
            || self.topped_up != 0
            || self.resets != 0
    }

    /// Returns the most that the shard may hold until the period ends, millitokens: its share of
    /// the quota when the period was granted, and the tokens that an operator has added. `share` is
    /// its share now.
    pub(crate) fn ceiling(&self, parameters: Parameters, share: i64) -> i64 {
        let granted = self
            .grant
            .and_then(|(shard, count)| parameters.shard(shard % count, count).ok());
        let granted = granted.map_or(share, |rule| rule.capacity());
        granted.saturating_add(self.topped_up)
    }

    /// Returns the start of a session: epoch ms. `None` for a calendar, and for a session that has
    /// not begun.
    pub(crate) fn session_start(&self) -> Option<i64> {
        match self.renewal {
            Renewal::Session(length) if self.is_open() => Some(self.ends_at.saturating_sub(length)),
            _ => None,
        }
    }

    /// Returns the end of the period if it stays, and the bucket's anchor becomes `to` (epoch ms). A
    /// repair of a wrong anchor changes the period of a calendar.
    pub(crate) fn end_from(&self, to: i64) -> i64 {
        match &self.renewal {
            Renewal::Calendar(calendar) => calendar.end_after(to),
            Renewal::Session(_) => self.ends_at,
        }
    }

    /// Returns `true` if the period has begun: a session begins with the first charge.
    pub fn is_open(&self) -> bool {
        self.ends_at > 0
    }

    /// Returns a number that tells the period from earlier ones and from those of other calendars,
    /// and the time after an operator's reset from the time before. Tokens are given back only in
    /// the period in which they were charged.
    pub fn id(&self) -> i64 {
        self.renewal.id(self.ends_at, self.resets)
    }

    /// Returns what tells the period from those after an operator's reset. `None` for a session that
    /// has not begun.
    pub fn mark(&self) -> Option<PeriodMark> {
        match &self.renewal {
            Renewal::Calendar(_) => Some(PeriodMark::Resets(self.resets)),
            Renewal::Session(length) => self
                .is_open()
                .then(|| PeriodMark::Begins(self.ends_at.saturating_sub(*length))),
        }
    }

    /// Returns the same period with another end: epoch ms.
    #[must_use]
    pub fn with_end(mut self, ends_at: i64) -> Self {
        self.ends_at = ends_at;
        self
    }
}

/// The part of a period that an operator's reset changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeriodMark {
    /// The number of resets of a calendar quota.
    Resets(i64),
    /// The start of a session: epoch ms.
    Begins(i64),
}

/// The change of a limit's period by a write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeriodChange {
    /// It stays.
    #[default]
    Keep,
    /// A period of the calendar begins. This time is in it: epoch ms.
    Renews(i64),
    /// A session begins at this time: epoch ms.
    Opens(i64),
    /// The shard's tokens are granted for the session that another shard has begun at this time:
    /// epoch ms.
    Joins(i64),
    /// The period stays, and the item notes that it was granted for this number of shards.
    Stays(u32),
    /// The limit gets other periods, or none: it becomes a token bucket.
    Becomes(Option<Renewal>),
}
