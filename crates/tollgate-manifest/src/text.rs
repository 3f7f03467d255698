//! Manifests as texts: read and written.

use std::{io::Read, path::Path};

use crate::{
    fault::ManifestFaults,
    file::{self, ManifestError},
    manifest::Manifest,
    read,
    source::Source,
    write,
};

impl Manifest {
    /// Reads a manifest from a text. `file` is its name in the faults.
    ///
    /// # Errors
    /// All faults of the text, each with its place.
    pub fn parse(file: &str, text: &str) -> Result<Self, ManifestFaults> {
        read::manifest(&Source::new(file, text))
    }

    /// Reads a manifest from a file.
    ///
    /// # Errors
    /// [`ManifestError::Faults`] with all faults of the text, [`ManifestError::Unreadable`] if
    /// there is no such file, [`ManifestError::TooLarge`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ManifestError> {
        let path = path.as_ref();
        let text = file::text(path)?;
        Ok(Self::parse(&path.display().to_string(), &text)?)
    }

    /// Reads a manifest from a reader, such as the standard input. Faults name it `name`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_from(name: &str, reader: impl Read) -> Result<Self, ManifestError> {
        let text = file::text_from(name.to_owned(), reader)?;
        Ok(Self::parse(name, &text)?)
    }

    /// Returns the manifest as YAML, in the format that [`parse`](Self::parse) reads.
    pub fn to_yaml(&self) -> String {
        write::yaml(self)
    }
}
