//! A cron expression of five fields, and the minutes that it matches.

use super::{
    bounds::MOST_BYTES,
    error::{CronProblem, Fault, InvalidCron},
    field::FIELDS,
};
use crate::model::calendar::month_and_day;

/// A cron expression, which matches minutes of local time.
///
/// Day of month and weekday must both match if one of the two fields begins with `*`. Otherwise one
/// of them is enough. That is the rule of Debian's cron.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cron {
    /// The expression with single spaces and without names. Sundays are 7, except in ranges.
    text: Box<str>,
    /// A bit for each number of the field.
    pub(super) minutes: u64,
    pub(super) hours: u64,
    days: u64,
    months: u64,
    /// Sunday is 7, never 0.
    weekdays: u64,
    both_days: bool,
}

impl Cron {
    /// Parses an expression.
    pub(super) fn parse(expression: &str) -> Result<Self, InvalidCron> {
        let refused = |(position, problem): Fault| InvalidCron {
            expression: expression.chars().take(MOST_BYTES).collect(),
            position,
            problem,
        };
        if expression.len() > MOST_BYTES {
            return Err(refused((MOST_BYTES, CronProblem::TooLong)));
        }
        let (mut fields, mut count, mut at) = ([(0, ""); 5], 0, 0);
        for piece in expression.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            if !word.is_empty() {
                let Some(field) = fields.get_mut(count) else {
                    let count = expression.split_whitespace().count();
                    return Err(refused((at, CronProblem::Fields(count))));
                };
                *field = (at, word);
                count += 1;
            }
            at += piece.len();
        }
        if count < fields.len() {
            return Err(refused((at, CronProblem::Fields(count))));
        }
        Self::of_fields(fields).map_err(refused)
    }

    /// Parses the fields, each given with the byte at which it begins.
    pub(super) fn of_fields(fields: [(usize, &str); 5]) -> Result<Self, Fault> {
        let mut sets = [0; 5];
        let mut text = String::new();
        for ((set, field), (at, word)) in sets.iter_mut().zip(&FIELDS).zip(fields) {
            *set = field.parse(word, at)?;
            field.canonical(word, &mut text);
            text.push(' ');
        }
        let [minutes, hours, days, months, weekdays] = sets;
        let [_, _, (day_at, day), _, (_, weekday)] = fields;
        let cron = Self {
            text: text.trim_end().into(),
            minutes,
            hours,
            days,
            months,
            weekdays: weekdays & !1 | (weekdays & 1) << 7,
            both_days: day.starts_with('*') || weekday.starts_with('*'),
        };
        if cron.both_days && u64::from(days.trailing_zeros()) > cron.longest_month() {
            return Err((day_at, CronProblem::NoSuchDay));
        }
        Ok(cron)
    }

    /// Returns the greatest number of days that a month of the expression can have.
    fn longest_month(&self) -> u64 {
        const DAYS: [u64; 13] = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let months = DAYS.iter().enumerate();
        let longest = months.filter(|(month, _)| self.months >> month & 1 == 1);
        longest.map(|(_, days)| *days).max().unwrap_or(31)
    }

    /// Returns the expression with numbers in place of names.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns `true` if the expression matches minutes of the day, given in days since the epoch.
    pub(super) fn matches_day(&self, day: i64) -> bool {
        let (month, day_of_month) = month_and_day(day);
        // The epoch began on a Thursday.
        let weekday = (day + 3).rem_euclid(7) + 1;
        let by_date = self.days >> day_of_month & 1 == 1;
        let by_weekday = self.weekdays >> weekday & 1 == 1;
        let by_day = if self.both_days {
            by_date && by_weekday
        } else {
            by_date || by_weekday
        };
        by_day && self.months >> month & 1 == 1
    }

    /// Returns `true` if the expression matches the minute of local time, given in minutes since
    /// the epoch.
    pub(super) fn matches(&self, minute: i64) -> bool {
        let of_day = minute.rem_euclid(1440);
        self.minutes >> (of_day % 60) & 1 == 1
            && self.hours >> (of_day / 60) & 1 == 1
            && self.matches_day(minute.div_euclid(1440))
    }

    /// Returns how many numbers of each field match: minute, hour, day of month, month, weekday.
    pub(super) fn counts(&self) -> [u32; 5] {
        [
            self.minutes,
            self.hours,
            self.days,
            self.months,
            self.weekdays,
        ]
        .map(u64::count_ones)
    }
}
