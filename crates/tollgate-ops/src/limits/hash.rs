//! The hash of a manifest.

use sha2::{Digest, Sha256};
use tollgate_manifest::Manifest;

/// Returns the hash of a manifest in its normal form, as the record of managed scopes spells it.
pub(super) fn hash(manifest: &Manifest) -> String {
    let digest = Sha256::digest(manifest.to_yaml());
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}
