//! Archives in a folder.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

use super::row::AuditRow;
use crate::error::OpsError;

/// Returns the path of the object with these events, which are of one day. `None` if there are none.
///
/// `audit/year=2026/month=01/day=31/audit-{sequence}-2026-01-31T14-15-16Z.jsonl.gz`, with the position
/// of the first event in the stream and the time of the earliest event.
pub fn path_of(rows: &[&AuditRow]) -> Option<PathBuf> {
    let first = rows.iter().map(|row| &row.sequence).min()?;
    let time = rows.iter().map(|row| row.timestamp.as_str()).min()?;
    let (year, month, day) = date(time);
    let time = time.replace(':', "-").replace('+', "");
    let time = time.replace(['/', '\\'], "-");
    Some(PathBuf::from(format!(
        "audit/year={year}/month={month}/day={day}/audit-{first}-{time}.jsonl.gz"
    )))
}

/// Writes events into files below a folder: one for each day that has events. A file appears when it
/// is complete. If a batch comes again, an event may be in two files: its `event_id` tells.
///
/// # Errors
/// [`OpsError::Archive`] if a file cannot be written.
pub fn write(folder: &Path, rows: &[AuditRow]) -> Result<(), OpsError> {
    let mut days: BTreeMap<_, Vec<&AuditRow>> = BTreeMap::new();
    for row in rows {
        days.entry(date(&row.timestamp)).or_default().push(row);
    }
    for rows in days.into_values() {
        let Some(path) = path_of(&rows) else {
            continue;
        };
        let path = folder.join(path);
        write_file(&path, &rows).map_err(|source| OpsError::Archive {
            path: path.display().to_string(),
            source,
        })?;
    }
    Ok(())
}

fn write_file(path: &Path, rows: &[&AuditRow]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension("unfinished");
    let mut file = GzEncoder::new(File::create(&unfinished)?, Compression::default());
    for row in rows {
        file.write_all(row.line.as_bytes())?;
        file.write_all(b"\n")?;
    }
    file.finish()?.sync_all()?;
    fs::rename(unfinished, path)
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
