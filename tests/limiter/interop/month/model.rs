//! Quotas, computed by hand.

use std::collections::BTreeMap;

pub(super) const SECOND: i64 = 1000;
const HOUR: i64 = 3600 * SECOND;
pub(super) const DAY: i64 = 24 * HOUR;
/// 2026-10-05T00:00:00Z. The month contains the 25th of October, a day of 25 hours in Berlin.
pub(super) const BEGIN: i64 = 1_791_158_400 * SECOND;
pub(super) const END: i64 = BEGIN + 34 * DAY;
/// 2026-10-25T01:00:00Z: the end of summer time in Berlin.
const WINTER: i64 = 1_792_890_000 * SECOND;
/// The first days of October and of November in Berlin.
const MONTHS: [i64; 2] = [
    1_790_805_600 * SECOND, // 2026-09-30T22:00:00Z
    1_793_487_600 * SECOND, // 2026-10-31T23:00:00Z
];
pub(super) const NAMES: [&str; 4] = ["day", "month", "session", "rate"];
const AMOUNTS: [i64; 4] = [1000, 9000, 300, 1_000_000_000];
const SESSION: i64 = 5 * HOUR;

/// Returns the begin of a calendar's period.
pub(super) fn period(name: &str, now: i64) -> i64 {
    match name {
        "day" => {
            let offset = |now| if now < WINTER { 2 * HOUR } else { HOUR };
            let midnight = (now + offset(now)) / DAY * DAY;
            midnight - offset(midnight - 2 * HOUR)
        }
        "month" => MONTHS
            .into_iter()
            .filter(|begin| *begin <= now)
            .max()
            .unwrap(),
        _ => 0,
    }
}

/// One limit of one bucket.
#[derive(Clone, Debug)]
pub(super) struct Level {
    pub(super) amount: i64,
    pub(super) left: i64,
    pub(super) period: i64,
    /// The number of times that an operator has reset the limit.
    pub(super) resets: i64,
}

impl Level {
    pub(super) fn at(&mut self, name: &str, now: i64) -> &mut Self {
        let period = match name {
            "session" if now < self.period + SESSION => self.period,
            "session" => i64::MIN / 2,
            _ => period(name, now),
        };
        if period != self.period {
            self.left = self.amount;
            self.period = period;
        }
        self
    }

    /// Takes an amount, and returns the period that it was taken from.
    pub(super) fn take(&mut self, name: &str, amount: i64, now: i64) -> PeriodId {
        if name == "session" && amount > 0 && self.period < 0 {
            self.period = now;
        }
        self.left -= amount;
        self.id()
    }

    pub(super) fn id(&self) -> PeriodId {
        (self.period, self.resets)
    }

    /// Gives the whole amount back. A session ends.
    pub(super) fn reset(&mut self, name: &str) {
        self.left = self.amount;
        self.resets += 1;
        if name == "session" {
            self.period = i64::MIN / 2;
        }
    }
}

/// A period of a limit, and the number of resets before it.
pub(super) type PeriodId = (i64, i64);

pub(super) type Bucket = BTreeMap<&'static str, Level>;
pub(super) type Costs = BTreeMap<&'static str, i64>;

pub(super) fn full() -> Bucket {
    let levels = NAMES.into_iter().zip(AMOUNTS).map(|(name, amount)| {
        let (left, period) = (amount, i64::MIN / 2);
        (
            name,
            Level {
                amount,
                left,
                period,
                resets: 0,
            },
        )
    });
    levels.collect()
}
