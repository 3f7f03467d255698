//! The log of the server, which is bounded.

use std::{
    fs::{File, OpenOptions, rename},
    io::{self, Write},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use super::folder::{Folder, cannot};
use crate::{failure::Failure, output::one_line, time};

/// The size at which a new file begins. One old file is kept.
const FULL: u64 = 1 << 20;

/// Appends lines with their times to the log.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    old: PathBuf,
    file: Mutex<File>,
}

impl Log {
    /// Opens the log of a folder.
    pub(super) fn open(folder: &Folder) -> Result<Self, Failure> {
        let (path, old) = (folder.log(), folder.old_log());
        let file = append(&path).map_err(|error| cannot("write", &path, &error))?;
        Ok(Self {
            path,
            old,
            file: Mutex::new(file),
        })
    }

    /// Appends a line. A log that cannot be written stops nothing.
    pub(super) fn write(&self, text: impl AsRef<str>) {
        let text = one_line(text.as_ref());
        let line = format!("{} {text}\n", time::of_millis(time::now()));
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.append(&mut file, &line);
    }

    fn append(&self, file: &mut File, line: &str) -> io::Result<()> {
        if file.metadata()?.len() >= FULL {
            rename(&self.path, &self.old)?;
            *file = append(&self.path)?;
        }
        file.write_all(line.as_bytes())
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use super::*;

    #[test]
    fn two_files_are_the_most() {
        let path = env::temp_dir().join(format!("tollgate-log-{}", process::id()));
        let folder = Folder::locate(Some(&path)).unwrap();
        folder.create().unwrap();
        let log = Log::open(&folder).unwrap();
        let line = "x".repeat(100_000);
        for _ in 0..25 {
            log.write(&line);
        }
        log.write("the last\nline");
        let size = |path| fs::metadata(path).unwrap().len();
        let most = FULL + 2 * line.len() as u64;
        assert!(size(folder.log()) < most && size(folder.old_log()) < most);
        let text = fs::read_to_string(folder.log()).unwrap();
        assert!(text.ends_with("Z the last line\n"), "{text}");
        fs::remove_dir_all(path).unwrap();
    }
}
