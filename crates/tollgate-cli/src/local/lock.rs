//! The lock of a server.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use super::folder::{Folder, cannot, remove};
use crate::failure::Failure;

/// The time in which a command that looks at the lock has let go of it.
const LOOK: Duration = Duration::from_secs(1);

const PAUSE: Duration = Duration::from_millis(20);

/// The lock of a folder. The system releases it when the process ends.
#[derive(Debug)]
pub(super) struct Lock {
    /// Open as long as the lock is held.
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock. Returns `None` if another server holds it.
    pub(super) fn take(folder: &Folder) -> Result<Option<Self>, Failure> {
        let path = folder.lock();
        let begun = Instant::now();
        loop {
            let opened = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path);
            let file = opened.map_err(|error| cannot("create", &path, &error))?;
            match file.try_lock() {
                Ok(()) if is_file_of(&path, &file) => return Ok(Some(Self { file, path })),
                // Whoever deleted the data has deleted it meanwhile, and others lock a new file.
                Ok(()) => {}
                // A command looks at the lock, or a server holds it.
                Err(TryLockError::WouldBlock) if begun.elapsed() < LOOK => sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(cannot("lock", &path, &error)),
            }
        }
    }

    /// Deletes the file of the lock, and releases it. Whoever waits for the lock opens a new file.
    pub(super) fn delete(self) -> Result<(), Failure> {
        // Other systems than Unix do not delete a file that is open.
        if cfg!(not(unix)) {
            drop(self.file);
        }
        remove(&self.path)
    }

    /// Returns `true` if a server holds the lock of `folder`.
    pub(super) fn is_held(folder: &Folder) -> Result<bool, Failure> {
        let path = folder.lock();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_missing(&error) => return Ok(false),
            Err(error) => return Err(cannot("open", &path, &error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(cannot("lock", &path, &error)),
        }
    }
}

/// Returns `true` if the path still names this file.
#[cfg(unix)]
fn is_file_of(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let named = std::fs::metadata(path).and_then(|named| Ok((named, file.metadata()?)));
    named.is_ok_and(|(named, file)| (named.dev(), named.ino()) == (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn is_file_of(_: &Path, _: &File) -> bool {
    true
}

/// Returns `true` if there is no such file, or no such folder.
fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
