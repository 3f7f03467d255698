//! The database of the engine.

use dynoxide::{Database, DynoxideError};

use super::{folder::Folder, stream::Stream};
use crate::failure::Failure;

/// Opens the data of a folder, which are created if there are none, and their stream.
pub(super) fn open(folder: &Folder) -> Result<(Database, Stream), Failure> {
    let data = folder.data();
    let name = data.to_str().ok_or_else(|| {
        Failure::Usage(format!(
            "the folder {} is not UTF-8",
            folder.path().display()
        ))
    })?;
    let database = Database::new(name).map_err(|error| unusable(name, &reason(&error)))?;
    let stream = Stream::open(&data).map_err(|error| unusable(name, &error.to_string()))?;
    Ok((database, stream))
}

/// Returns the failure of data that cannot be used.
pub(super) fn unusable(data: &str, reason: &str) -> Failure {
    Failure::Refused(format!(
        "the data file {data} cannot be used: {reason}; move it away, or delete it with `tollgate local down --delete-data`"
    ))
}

/// Returns the reason in words for a reader who does not know the engine.
fn reason(error: &DynoxideError) -> String {
    let text = error.to_string();
    if text.contains("newer version of Dynoxide") {
        return "a newer version of tollgate has written it".into();
    }
    if text.contains("not a valid SQLite database") {
        return "it is damaged, or of another program".into();
    }
    text
}
