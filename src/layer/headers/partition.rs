//! Partition keys, which tell buckets apart without naming the entity.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::model::{EntityId, Resource};

/// Makes the partition keys of a policy. A key is a keyed hash. A hash without a key could be
/// reversed, because there are few enough ids, such as addresses, to try all of them.
#[derive(Clone)]
pub(crate) struct PartitionKeys(Hmac<Sha256>);

/// A bucket's partition key. 12 bytes are enough to tell all buckets apart.
pub(crate) struct PartitionKey([u8; 12]);

impl PartitionKeys {
    /// The shortest secret that is accepted, in bytes. Shorter ones could be guessed.
    pub(crate) const SHORTEST: usize = 16;

    /// Returns `None` if the secret is too short.
    pub(crate) fn new(secret: &[u8]) -> Option<Self> {
        if secret.len() < Self::SHORTEST {
            return None;
        }
        Hmac::new_from_slice(secret).ok().map(Self)
    }

    pub(crate) fn key(&self, entity: &EntityId, resource: &Resource) -> PartitionKey {
        let mut hash = self.0.clone();
        hash.update(entity.as_str().as_bytes());
        // A separator that no id contains.
        hash.update(b"\0");
        hash.update(resource.as_str().as_bytes());
        let mut key = [0; 12];
        key.iter_mut()
            .zip(hash.finalize().into_bytes())
            .for_each(|(byte, hashed)| *byte = hashed);
        PartitionKey(key)
    }
}

impl PartitionKey {
    /// Returns the key as the byte sequence of a structured field has it: in base64.
    pub(super) fn encoded(&self) -> String {
        STANDARD.encode(self.0)
    }
}

/// Does not show the secret.
impl fmt::Debug for PartitionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionKeys").finish_non_exhaustive()
    }
}
