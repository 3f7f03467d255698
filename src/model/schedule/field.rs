//! The five fields of a cron expression: their ranges, and their names of numbers.

/// The kind of a field: its name, its range, and the names of its numbers.
#[derive(Debug)]
pub(super) struct CronField {
    pub(super) name: &'static str,
    pub(super) first: u8,
    pub(super) last: u8,
    /// The names of the numbers from `first` on.
    names: &'static [&'static str],
}

const fn field(
    name: &'static str,
    first: u8,
    last: u8,
    names: &'static [&'static str],
) -> CronField {
    CronField {
        name,
        first,
        last,
        names,
    }
}

/// The fields in the order of an expression.
pub(super) const FIELDS: [CronField; 5] = [
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

impl CronField {
    /// Returns the set of all numbers of the field, a bit for each.
    pub(super) fn all(&self) -> u64 {
        (self.first..=self.last).fold(0, |set, number| set | 1 << number)
    }

    /// Returns the number that has the name, in any case.
    pub(super) fn named(&self, text: &str) -> Option<u8> {
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
