//! Faults of a manifest, each with its place.

use std::{error::Error, fmt};

/// The number of faults that are collected. A text of wrong lines must not take memory without
/// bound.
pub(crate) const MOST_FAULTS: usize = 10_000;

/// The number of faults that are printed. More would hide the first ones.
const MOST_PRINTED: usize = 100;

/// A fault of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestFault {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// The problem, in one line.
    pub message: String,
    /// The line of the file, and below it a mark under the fault.
    pub snippet: String,
}

/// All faults of a manifest, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFaults {
    file: String,
    faults: Vec<ManifestFault>,
}

impl ManifestFaults {
    pub(crate) fn new(file: &str, mut faults: Vec<ManifestFault>) -> Self {
        faults.sort_by_key(|fault| (fault.line, fault.column));
        let file = file.to_owned();
        Self { file, faults }
    }

    /// Returns the name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the faults: at least one.
    pub fn faults(&self) -> &[ManifestFault] {
        &self.faults
    }
}

impl fmt::Display for ManifestFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().take(MOST_PRINTED).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            let ManifestFault {
                line,
                column,
                message,
                snippet,
            } = fault;
            write!(f, "{}:{line}:{column}: {message}\n{snippet}", self.file)?;
        }
        match self.faults.len().saturating_sub(MOST_PRINTED) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more faults"),
        }
    }
}

impl Error for ManifestFaults {}
