//! The numbers, ranges, lists and steps of one field of a cron expression.

use super::{
    error::{CronProblem, Fault},
    field::{CronField, digits},
};

impl CronField {
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
}
