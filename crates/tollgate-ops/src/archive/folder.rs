//! Archives in a folder.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use super::object::Object;
use crate::error::OpsError;

/// Writes an object into a file below a folder. The file appears when it is complete.
///
/// # Errors
/// [`OpsError::Archive`] if the file cannot be written.
pub(super) fn write(folder: &Path, object: &Object) -> Result<(), OpsError> {
    let path = folder.join(&object.path);
    write_file(&path, &object.bytes).map_err(|source| OpsError::Archive {
        path: path.display().to_string(),
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
