//! Archives in a folder.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::object::Object;
use crate::error::OpsError;

/// Writes an object into a file below a folder, on a thread that may block. The file appears when it
/// is complete.
///
/// # Errors
/// [`OpsError::Archive`] if the file cannot be written.
pub(super) async fn write(folder: PathBuf, object: Object) -> Result<(), OpsError> {
    let path = folder.join(&object.path);
    let shown = path.display().to_string();
    let written = tokio::task::spawn_blocking(move || write_file(&path, &object.bytes)).await;
    written
        .unwrap_or_else(|ended| Err(io::Error::other(ended)))
        .map_err(|source| OpsError::Archive {
            path: shown,
            source,
        })
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension("unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}
