//! The code of the functions.

use sha2::{Digest, Sha256};

use crate::options::Architecture;

/// The beginning of the keys of code.
const PREFIX: &str = "tollgate-";

/// The zip file with the code of the functions: the program `tollgate` as `bootstrap`. The command
/// `tollgate lambda-export` writes it.
#[derive(Clone, PartialEq, Eq)]
pub struct FunctionPackage {
    zip: Vec<u8>,
    architecture: Architecture,
    key: String,
}

impl std::fmt::Debug for FunctionPackage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FunctionPackage")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl FunctionPackage {
    /// Returns the package of a zip file of this version, whose program is built for `architecture`.
    pub fn new(zip: Vec<u8>, architecture: Architecture) -> Self {
        let hash: String = Sha256::digest(&zip)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let key = format!("{PREFIX}{}-{hash}.zip", tollgate::VERSION);
        Self {
            zip,
            architecture,
            key,
        }
    }

    /// Returns the key of the object in the code bucket: it has the version, and a hash of the zip
    /// file. So the same code has the same key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the processors for which the program is built.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    pub(super) fn zip(&self) -> &[u8] {
        &self.zip
    }
}

/// Returns the version of the code with this key, or the version of this crate if the key does not
/// have it.
pub(super) fn version_of(key: &str) -> &str {
    let version = key
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.rsplit_once('-'))
        .map(|(version, _)| version);
    version
        .filter(|version| version.starts_with(|first: char| first.is_ascii_digit()))
        .unwrap_or(tollgate::VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_tells_the_version_and_the_content() {
        let package = |zip: &[u8]| FunctionPackage::new(zip.to_vec(), Architecture::Arm64);
        assert_eq!(package(b"a"), package(b"a"));
        assert_ne!(package(b"a").key(), package(b"b").key());
        assert_eq!(version_of(package(b"a").key()), tollgate::VERSION);
        assert_eq!(version_of("tollgate-0.9.0-rc1-abc.zip"), "0.9.0-rc1");
        assert_eq!(version_of("my.zip"), tollgate::VERSION);
    }
}
