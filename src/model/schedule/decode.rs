//! Decodes the stored form of schedules.

use super::{
    adjustment::Adjustment,
    bounds::MOST_ENTRIES,
    compact::{FIELDS, NUMBERS, VERSION},
    cron::Cron,
    entry::ScheduleEntry,
    error::{CompactProblem, InvalidSchedule},
    field::digits,
    reset::ResetSchedule,
    schedule::Schedule,
};

impl Schedule {
    /// Decodes the stored form.
    ///
    /// # Errors
    /// [`InvalidSchedule::Undecodable`] if the form is not exactly of the version that this crate
    /// knows. Also the errors of [`Schedule::new`].
    pub fn decode(text: &str, zone: &str) -> Result<Self, InvalidSchedule> {
        let entries = entries(text, |entry, at| {
            let [scale, capacity, refill_amount, refill_period] = entry.numbers;
            let replaces = capacity.or(refill_amount).or(refill_period).is_some();
            let adjustment = match scale {
                Some(_) if replaces => return Err((at, CompactProblem::Numbers)),
                Some(scale) => Adjustment::Scale(scale),
                None => Adjustment::Replace {
                    capacity,
                    refill_amount,
                    refill_period,
                },
            };
            let adjustment = adjustment
                .checked()
                .map_err(|_| (at, CompactProblem::Numbers))?;
            Ok(ScheduleEntry {
                cron: entry.cron,
                adjustment,
            })
        })?;
        Self::new(entries, zone)
    }
}

impl ResetSchedule {
    /// Decodes the stored form.
    ///
    /// # Errors
    /// [`InvalidSchedule::Undecodable`] if the form is not exactly of the version that this crate
    /// knows, or has numbers. Also the errors of [`ResetSchedule::new`].
    pub fn decode(text: &str, zone: &str) -> Result<Self, InvalidSchedule> {
        let crons = entries(text, |entry, at| {
            let mut tags = NUMBERS.into_iter().zip(entry.numbers);
            match tags.find(|(_, number)| number.is_some()) {
                Some((tag, _)) => Err((at, CompactProblem::ResetTag(tag))),
                None => Ok(entry.cron),
            }
        })?;
        Self::of_crons(crons.into(), zone)
    }
}

/// A decoded entry, whose numbers are not checked.
struct Decoded {
    cron: Cron,
    /// In the order of [`NUMBERS`].
    numbers: [Option<u64>; 4],
}

type CompactFault = (usize, CompactProblem);

/// Decodes each entry, and passes it on with the byte at which it begins.
fn entries<T>(
    text: &str,
    finish: impl Fn(Decoded, usize) -> Result<T, CompactFault>,
) -> Result<Vec<T>, InvalidSchedule> {
    let body = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let mut at = text.len() - body.len();
    let entries = if digits(&text[..at]) != Some(VERSION) {
        Err((0, CompactProblem::Version))
    } else if body.is_empty() {
        Err((at, CompactProblem::Empty))
    } else if body.split(';').nth(MOST_ENTRIES).is_some() {
        Err((at, CompactProblem::TooManyEntries))
    } else {
        let decoded = body.split(';').map(|entry| {
            let begin = at;
            at += entry.len() + 1;
            finish(decode(entry, begin)?, begin)
        });
        decoded.collect()
    };
    entries.map_err(|(position, problem)| InvalidSchedule::Undecodable {
        text: text.into(),
        position,
        problem,
    })
}

/// Decodes the entry that begins at byte `at`.
fn decode(entry: &str, at: usize) -> Result<Decoded, CompactFault> {
    let (mut fields, mut numbers) = ([None; 5], [None; 4]);
    let mut rest = entry;
    while let Some(tag) = rest.chars().next() {
        let at = at + entry.len() - rest.len();
        let tail = &rest[tag.len_utf8()..];
        let length = tail.find(|letter: char| !"0123456789-,/*".contains(letter));
        let (value, tail) = tail.split_at(length.unwrap_or(tail.len()));
        rest = tail;
        let field = FIELDS.iter().position(|known| *known == tag);
        let number = NUMBERS.iter().position(|known| *known == tag);
        let is_new = if let Some(field) = field.and_then(|index| fields.get_mut(index)) {
            if value.is_empty() {
                return Err((at, CompactProblem::Value(tag)));
            }
            field.replace((at + 1, value)).is_none()
        } else if let Some(number) = number.and_then(|index| numbers.get_mut(index)) {
            let value = digits(value).and_then(|value| u64::try_from(value).ok());
            let value = value.ok_or((at, CompactProblem::Value(tag)))?;
            number.replace(value).is_none()
        } else {
            return Err((at, CompactProblem::Tag));
        };
        if !is_new {
            return Err((at, CompactProblem::Duplicate(tag)));
        }
    }
    let fields = fields.map(|field| field.unwrap_or((at, "*")));
    let cron = Cron::of_fields(fields).map_err(|(at, problem)| (at, problem.into()))?;
    Ok(Decoded { cron, numbers })
}
