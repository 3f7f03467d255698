//! The text of a file.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::{
    fault::ManifestFaults,
    source::{Place, Source},
};

/// The number of bytes of the largest file.
pub const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// The reason why a file is no manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("{file} cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's error.
        source: io::Error,
    },
    /// The file is larger than [`MOST_BYTES`].
    #[error("{file} is larger than {} MiB: split it by namespaces", MOST_BYTES >> 20)]
    TooLarge {
        /// The file.
        file: String,
    },
    /// The text is wrong.
    #[error(transparent)]
    Faults(#[from] ManifestFaults),
}

/// Returns the text of a file.
pub(crate) fn text(path: &Path) -> Result<String, ManifestError> {
    let file = path.display().to_string();
    match File::open(path) {
        Ok(open) => text_from(file, open),
        Err(source) => Err(ManifestError::Unreadable { file, source }),
    }
}

/// Returns the text that a reader has. `file` is its name.
pub(crate) fn text_from(file: String, reader: impl Read) -> Result<String, ManifestError> {
    let mut bytes = Vec::new();
    if let Err(source) = reader.take(MOST_BYTES + 1).read_to_end(&mut bytes) {
        return Err(ManifestError::Unreadable { file, source });
    }
    if bytes.len() as u64 > MOST_BYTES {
        return Err(ManifestError::TooLarge { file });
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let place = Place {
            start: at,
            end: at + 1,
        };
        // The bytes before the wrong one keep their positions.
        let text = String::from_utf8_lossy(error.as_bytes());
        let fault = Source::new(&file, &text).fault(place, "this is not UTF-8".into());
        ManifestFaults::new(&file, vec![fault]).into()
    })
}
