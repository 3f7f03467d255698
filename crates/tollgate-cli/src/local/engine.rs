//! The database of the engine.

use std::path::Path;

use dynoxide::{Database, DynoxideError};
use rusqlite::ErrorCode;

use super::{folder::Folder, stream::Stream};
use crate::failure::Failure;

const DAMAGED: &str = "it is damaged, or of another program: move it away, or delete it with `tollgate local down --delete-data`";

const NEWER: &str =
    "a newer version of tollgate has written it: use that version, or move the file away";

/// Opens the data of a folder, which are created if there are none, and their stream.
pub(super) fn open(folder: &Folder) -> Result<(Database, Stream), Failure> {
    let data = folder.data();
    let name = data.to_str().ok_or_else(|| {
        Failure::Usage(format!(
            "the folder {} is not UTF-8",
            folder.path().display()
        ))
    })?;
    let database = Database::new(name).map_err(|error| unusable(&data, &reason(&error)))?;
    let stream = Stream::open(&data).map_err(|error| unusable(&data, &reason(&error.into())))?;
    Ok((database, stream))
}

/// Returns the failure of data that cannot be used.
pub(super) fn unusable(data: &Path, reason: &str) -> Failure {
    let data = data.display();
    Failure::Refused(format!("the data file {data} cannot be used: {reason}"))
}

/// Returns the reason in words for a reader who does not know the engine.
pub(super) fn reason(error: &DynoxideError) -> String {
    let text = error.to_string();
    let code = match error {
        DynoxideError::SqliteError(error) => error.sqlite_error_code(),
        _ => None,
    };
    match code {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => DAMAGED.into(),
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
            format!("{text}: look if the disk is full, and try again")
        }
        _ if text.contains("newer version of Dynoxide") => NEWER.into(),
        _ if text.contains("not a valid SQLite database") => DAMAGED.into(),
        _ => text,
    }
}
