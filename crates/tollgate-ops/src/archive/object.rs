//! Objects of an archive: compressed JSON lines of one day.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use flate2::{Compression, write::GzEncoder};

use super::row::AuditRow;

/// An object of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The path below the folder or the prefix.
    pub path: String,
    /// The bytes: JSON lines, compressed with gzip.
    pub bytes: Vec<u8>,
}

impl Object {
    /// Returns the objects with these events: one for each day that has events. The same events make
    /// the same objects.
    ///
    /// # Errors
    /// The error of the compression.
    pub fn of(rows: &[AuditRow]) -> io::Result<Vec<Self>> {
        let mut days: BTreeMap<_, Vec<&AuditRow>> = BTreeMap::new();
        for row in rows {
            days.entry(date(&row.timestamp)).or_default().push(row);
        }
        let paths = days
            .into_values()
            .filter_map(|rows| Some((path_of(&rows)?, rows)));
        paths
            .map(|(path, rows)| {
                let bytes = compressed(&rows)?;
                Ok(Self { path, bytes })
            })
            .collect()
    }
}

/// Returns the path of the object with these events, which are of one day. `None` if there are none.
///
/// `audit/year=2026/month=01/day=31/audit-{sequence}-2026-01-31T14-15-16Z.jsonl.gz`, with the position
/// of the first event in the stream and the time of the earliest event.
pub fn path_of(rows: &[&AuditRow]) -> Option<String> {
    let first = rows.iter().map(|row| &row.sequence).min()?;
    let time = rows.iter().map(|row| row.timestamp.as_str()).min()?;
    let (year, month, day) = date(time);
    let time = time.replace(':', "-").replace('+', "");
    // The time comes from the table: nothing else of it may have a meaning in a path or an address.
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    let time = time.replace(|letter| !is_plain(letter), "-");
    Some(format!(
        "audit/year={year}/month={month}/day={day}/audit-{first}-{time}.jsonl.gz"
    ))
}

fn compressed(rows: &[&AuditRow]) -> io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    for row in rows {
        gzip.write_all(row.line.as_bytes())?;
        gzip.write_all(b"\n")?;
    }
    gzip.finish()
}

/// Returns the year, the month and the day of a time. Times of another form belong to the year 0000.
fn date(time: &str) -> (&str, &str, &str) {
    let is_date = time.get(..10).is_some_and(|date| {
        let places = date.bytes().enumerate();
        places.into_iter().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
    });
    match (time.get(..4), time.get(5..7), time.get(8..10)) {
        (Some(year), Some(month), Some(day)) if is_date => (year, month, day),
        _ => ("0000", "00", "00"),
    }
}
