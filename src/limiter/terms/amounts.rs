//! Amounts of tokens by limit, and the part of a grant that belongs to one limit.

use std::ops::{Deref, DerefMut};

use smallvec::SmallVec;

use crate::{
    model::{Level, Limit, LimitStatus, MILLI, plan, whole_tokens},
    store::Spend,
};

/// Amounts of all limits in millitokens, in the order of the limits.
pub(crate) type Amounts = SmallVec<[i64; 2]>;

/// The charge of a limit that the cost does not name, in millitokens. No capacity is smaller.
pub(crate) const DEFAULT_COST: i64 = MILLI;

/// The most use that one lease can count: the largest capacity that a limit can have.
pub(crate) const MOST_USED: i64 = Limit::MAX_TOKENS as i64 * MILLI;

/// The part of a grant that belongs to one limit, in millitokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LimitShare {
    pub(crate) charged: i64,
    /// The tokens that the bucket held after the charge.
    pub(crate) left: i64,
    /// The use as far as it is known; never negative.
    pub(crate) used: i64,
    /// The [id](crate::model::Period::id) of the quota's period that was charged; 0 for a token
    /// bucket.
    pub(crate) period: i64,
}

/// The shares of all limits, in their order. Most buckets have one limit. A single share stays in
/// registers, while a list would be copied through memory at every move.
#[derive(Clone, Debug)]
pub(crate) enum Shares {
    One([LimitShare; 1]),
    Two([LimitShare; 2]),
    More(Box<[LimitShare]>),
}

impl Deref for Shares {
    type Target = [LimitShare];

    #[inline]
    fn deref(&self) -> &[LimitShare] {
        match self {
            Self::One(share) => share,
            Self::Two(shares) => shares,
            Self::More(shares) => shares,
        }
    }
}

impl DerefMut for Shares {
    #[inline]
    fn deref_mut(&mut self) -> &mut [LimitShare] {
        match self {
            Self::One(share) => share,
            Self::Two(shares) => shares,
            Self::More(shares) => shares,
        }
    }
}

impl FromIterator<LimitShare> for Shares {
    fn from_iter<I: IntoIterator<Item = LimitShare>>(shares: I) -> Self {
        let shares: SmallVec<[LimitShare; 2]> = shares.into_iter().collect();
        match shares[..] {
            [one] => Self::One([one]),
            [one, two] => Self::Two([one, two]),
            _ => Self::More(shares.into_boxed_slice()),
        }
    }
}

impl LimitShare {
    #[inline]
    pub(crate) fn asked(amount: i64) -> Self {
        Self {
            charged: amount,
            left: 0,
            used: amount,
            period: 0,
        }
    }

    /// Returns the use beyond the charge.
    pub(crate) fn overdraft(&self) -> u64 {
        u64::try_from(self.used.saturating_sub(self.charged)).unwrap_or(0)
    }
}

impl Spend for LimitShare {
    #[inline]
    fn amount(&self) -> i64 {
        self.charged
    }

    #[inline]
    fn leave(&mut self, left: i64, period: i64) {
        self.left = left;
        self.period = period;
    }
}

/// Adds the shares of another grant of the same bucket. Its charge counts as used.
pub(crate) fn absorb(shares: &mut [LimitShare], more: &[LimitShare]) {
    for (share, more) in shares.iter_mut().zip(more) {
        // Charges of two periods are not told apart: only the earlier one gets tokens back.
        share.period = match (share.charged, more.charged) {
            (0, _) => more.period,
            (_, 0) => share.period,
            _ => share.period.min(more.period),
        };
        share.charged = share.charged.saturating_add(more.charged);
        share.used = share.used.saturating_add(more.charged).min(MOST_USED);
        share.left = more.left;
    }
}

/// The state of a limit after the grant of a share, less the use beyond it: the part of its
/// [status](status_now) that headers need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeftOfOne {
    /// The tokens that are left.
    pub(crate) tokens: i64,
    /// The time until the limit is full, ms.
    pub(crate) full_after: i64,
}

impl LeftOfOne {
    pub(crate) fn new(limit: &Limit, share: &LimitShare) -> Self {
        let level = Level::new(left_now(share), 0);
        let rule = limit.rule();
        Self {
            tokens: whole_tokens(level.tokens),
            full_after: rule.wait(level, rule.capacity()).unwrap_or(0),
        }
    }
}

/// Returns the tokens that were left after the grant of a share, less the use beyond it:
/// millitokens.
fn left_now(share: &LimitShare) -> i64 {
    share
        .left
        .saturating_add(share.charged.saturating_sub(share.used))
}

/// Returns the status of a limit after the grant of a share. The use beyond the grant is
/// subtracted.
pub(crate) fn status_now(limit: &Limit, share: &LimitShare, now: i64) -> LimitStatus {
    let tokens = left_now(share);
    let requested = u64::try_from(share.used / MILLI).unwrap_or(0);
    LimitStatus {
        requested,
        ..status(limit, share, tokens, 0, now)
    }
}

/// Returns the status of a limit with `tokens` at `now` (epoch ms), for a request of `amount`.
/// Millitokens. `share` tells the period of a quota.
pub(crate) fn status(
    limit: &Limit,
    share: &LimitShare,
    tokens: i64,
    amount: i64,
    now: i64,
) -> LimitStatus {
    plan::status(
        limit,
        limit.rule_in(share.period, now),
        Level {
            tokens,
            remainder: 0,
        },
        amount,
        0,
        (now, (0, 1)),
    )
}
