//! Files that the command writes, and replaces only if it may.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// A file that can be written. If nothing is written, a file that was not there before is removed.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    file: File,
    /// `true` if the file was not there before, and nothing is written yet.
    is_empty: bool,
}

impl NewFile {
    /// Opens a file to be written. One that exists stays as it is until then, and needs `force`.
    pub(crate) fn claim(path: &Path, force: bool) -> Result<Self, Failure> {
        let new = OpenOptions::new().write(true).create_new(true).open(path);
        let (opened, is_empty) = match new {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                refuse(path, force)?;
                (OpenOptions::new().write(true).open(path), false)
            }
            new => (new, true),
        };
        Ok(Self {
            path: path.to_owned(),
            file: opened.map_err(|error| unwritable(path, &error))?,
            is_empty,
        })
    }

    /// Returns the name of the file.
    #[cfg(feature = "loadtest")]
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Writes the content, in place of what the file had.
    pub(crate) fn write(mut self, content: impl AsRef<[u8]>) -> Result<(), Failure> {
        self.is_empty = false;
        let written = self.replace(content.as_ref());
        written.map_err(|error| unwritable(&self.path, &error))
    }

    fn replace(&mut self, content: &[u8]) -> io::Result<()> {
        // Devices and pipes have no length.
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        self.file.write_all(content)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.is_empty {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Returns the refusal of a file that exists, without `force`.
pub(crate) fn refuse(path: &Path, force: bool) -> Result<(), Failure> {
    if force || !path.exists() {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "{} exists: add --force to replace it, or name another file",
        path.display()
    )))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::Refused(format!("{} cannot be written: {error}", path.display()))
}
