//! The code of the functions.

use sha2::{Digest, Sha256};

use crate::options::{Architecture, code_key};

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
        let key = code_key::of(&hash);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_has_the_version_and_tells_the_content() {
        let package = |zip: &[u8]| FunctionPackage::new(zip.to_vec(), Architecture::Arm64);
        assert_eq!(package(b"a"), package(b"a"));
        assert_ne!(package(b"a").key(), package(b"b").key());
        assert!(package(b"a").key().contains(tollgate::VERSION));
    }
}
