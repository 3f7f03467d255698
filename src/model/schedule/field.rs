//! One field of a cron expression: its numbers, ranges, lists and steps.

use super::error::{CronProblem, Fault};

/// The kind of a field: its name, its range, and the names of its numbers.
#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    first: u8,
    last: u8,
    /// The names of the numbers from `first` on.
    names: &'static [&'static str],
}

const fn field(name: &'static str, first: u8, last: u8, names: &'static [&'static str]) -> Field {
    Field {
        name,
        first,
        last,
        names,
    }
}

/// The fields in the order of an expression.
pub(super) const FIELDS: [Field; 5] = [
    field("minute", 0, 59, &[]),
    field("hour", 0, 23, &[]),
    field("day of month", 1, 31, &[]),
    field(
        "month",
        1,
        12,
        &[
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ],
    ),
    // Sunday is 0 and 7. `*` means both, so `*/2` begins with Sunday.
    field(
        WEEKDAY,
        0,
        7,
        &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    ),
];

const WEEKDAY: &str = "weekday";

impl Field {
    /// Returns the set of all numbers of the field, a bit for each.
    pub(super) fn all(&self) -> u64 {
        (self.first..=self.last).fold(0, |set, number| set | 1 << number)
    }

    /// Parses a field that begins at byte `at` of its expression. Returns a bit for each number.
    pub(super) fn parse(&self, text: &str, at: usize) -> Result<u64, Fault> {
        let (mut set, mut at) = (0, at);
        for item in text.split(',') {
            set |= self.item(item, at)?;
            at += item.len() + 1;
        }
        Ok(set)
    }

    /// Parses a range with or without a step. The step of a single number counts to the field's
    /// last number, also if that number is written as a range, as in `17-17/4`.
    fn item(&self, text: &str, at: usize) -> Result<u64, Fault> {
        let Some((range, step)) = text.split_once('/') else {
            return self.range(text, at);
        };
        let set = self.range(range, at)?;
        let at = at + range.len() + 1;
        let step = digits(step).ok_or((at, CronProblem::Number("step")))?;
        if step == 0 {
            return Err((at, CronProblem::ZeroStep));
        }
        let single = set.count_ones() == 1;
        let stepped = (self.first..=self.last)
            .filter(|number| set >> number & 1 == 1 || single && set >> number == 0)
            .step_by(step);
        Ok(stepped.fold(0, |set, number| set | 1 << number))
    }

    fn range(&self, text: &str, at: usize) -> Result<u64, Fault> {
        if text == "*" {
            return Ok(self.all());
        }
        let Some((from, to)) = text.split_once('-') else {
            return Ok(1 << self.number(text, at)?);
        };
        let (from, to) = (
            self.number(from, at)?,
            self.number(to, at + from.len() + 1)?,
        );
        if to < from {
            return Err((at, CronProblem::Backwards));
        }
        Ok((from..=to).fold(0, |set, number| set | 1 << number))
    }

    fn number(&self, text: &str, at: usize) -> Result<u8, Fault> {
        if let Some(number) = self.named(text) {
            return Ok(number);
        }
        let Some(number) = digits(text) else {
            let unsupported = |letter: &char| "LlWw#".contains(*letter);
            return Err(match text.char_indices().find(|(_, c)| unsupported(c)) {
                Some((offset, letter)) => (at + offset, CronProblem::Unsupported(letter)),
                None => (at, CronProblem::Number(self.name)),
            });
        };
        let out_of_range = CronProblem::OutOfRange {
            field: self.name,
            first: self.first,
            last: self.last,
        };
        u8::try_from(number)
            .ok()
            .filter(|number| (self.first..=self.last).contains(number))
            .ok_or((at, out_of_range))
    }

    fn named(&self, text: &str) -> Option<u8> {
        let names = self.names.iter().zip(self.first..);
        names
            .filter(|(name, _)| name.eq_ignore_ascii_case(text))
            .map(|(_, number)| number)
            .next()
    }

    /// Writes a valid field with numbers in place of names. A Sunday that stands alone becomes 7,
    /// and one in a range or before a step stays 0, because it begins them.
    pub(super) fn canonical(&self, text: &str, out: &mut String) {
        for (index, item) in text.split(',').enumerate() {
            if index > 0 {
                out.push(',');
            }
            if self.name == WEEKDAY && (item == "0" || self.named(item) == Some(0)) {
                out.push('7');
                continue;
            }
            for part in item.split_inclusive(['-', '/']) {
                let word = part.trim_end_matches(['-', '/']);
                match self.named(word) {
                    Some(number) => out.push_str(&number.to_string()),
                    None => out.push_str(word),
                }
                out.push_str(&part[word.len()..]);
            }
        }
    }
}

/// Returns the number that the digits make. One that is too large becomes the greatest number.
pub(super) fn digits(text: &str) -> Option<usize> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(usize::MAX))
}
