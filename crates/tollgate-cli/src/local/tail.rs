//! The log as it is read.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::folder::{Folder, cannot};
use crate::failure::Failure;

/// Reads the log of a server, line by line, to its end.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    file: File,
    read: u64,
    /// The beginning of a line whose end is not written yet.
    begun: String,
}

impl Tail {
    /// Opens the log of a folder, and returns its last `most` lines.
    pub(crate) fn open(folder: &Folder, most: usize) -> Result<(Self, Vec<String>), Failure> {
        let path = folder.log();
        let old = fs::read_to_string(folder.old_log()).unwrap_or_default();
        let file = File::open(&path).map_err(|error| cannot("read", &path, &error))?;
        let mut tail = Self {
            path,
            file,
            read: 0,
            begun: String::new(),
        };
        let mut lines: Vec<String> = old.lines().map(str::to_owned).collect();
        lines.extend(tail.lines()?);
        lines.drain(..lines.len().saturating_sub(most));
        Ok((tail, lines))
    }

    /// Returns the lines that were written since the last call.
    pub(crate) fn lines(&mut self) -> Result<Vec<String>, Failure> {
        self.read_lines()
            .map_err(|error| cannot("read", &self.path, &error))
    }

    fn read_lines(&mut self) -> io::Result<Vec<String>> {
        self.read_rest()?;
        // The server has begun a new file, which is shorter.
        if length(&self.path) < self.read {
            self.file = File::open(&self.path)?;
            self.read = 0;
            self.read_rest()?;
        }
        let whole = self.begun.rfind('\n').map_or(0, |end| end + 1);
        let rest = self.begun.split_off(whole);
        let lines = self.begun.lines().map(str::to_owned).collect();
        self.begun = rest;
        Ok(lines)
    }

    fn read_rest(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(self.read))?;
        self.read += self.file.read_to_end(&mut bytes)? as u64;
        self.begun.push_str(&String::from_utf8_lossy(&bytes));
        Ok(())
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(u64::MAX, |file| file.len())
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    #[test]
    fn lines_are_read_across_a_new_file() {
        let path = env::temp_dir().join(format!("tollgate-tail-{}", process::id()));
        let folder = Folder::locate(Some(&path)).unwrap();
        folder.create().unwrap();
        fs::write(folder.old_log(), "one\ntwo\n").unwrap();
        fs::write(folder.log(), "three\nfo").unwrap();
        let (mut tail, lines) = Tail::open(&folder, 2).unwrap();
        assert_eq!(lines, ["two", "three"]);
        fs::write(folder.log(), "three\nfour\nfive\n").unwrap();
        assert_eq!(tail.lines().unwrap(), ["four", "five"]);
        fs::rename(folder.log(), folder.old_log()).unwrap();
        fs::write(folder.log(), "six\n").unwrap();
        assert_eq!(tail.lines().unwrap(), ["six"]);
        assert_eq!(tail.lines().unwrap(), [""; 0]);
        fs::remove_dir_all(path).unwrap();
    }
}
