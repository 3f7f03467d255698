//! Whose quota it is, without saying who that is.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::model::{EntityId, Resource};

/// Makes the partition keys of a policy: a keyed hash, because ids such as addresses are few enough
/// to be tried one by one.
#[derive(Clone)]
pub(in crate::layer) struct PartitionKeys(Hmac<Sha256>);

/// A bucket's partition key. 12 bytes tell apart more buckets than there are.
pub(in crate::layer) struct PartitionKey([u8; 12]);

impl PartitionKeys {
    /// The least bytes of a secret that cannot be guessed.
    pub(in crate::layer) const SHORTEST: usize = 16;

    /// `None` where the secret is too short.
    pub(in crate::layer) fn new(secret: &[u8]) -> Option<Self> {
        if secret.len() < Self::SHORTEST {
            return None;
        }
        Hmac::new_from_slice(secret).ok().map(Self)
    }

    pub(in crate::layer) fn key(&self, entity: &EntityId, resource: &Resource) -> PartitionKey {
        let mut hash = self.0.clone();
        hash.update(entity.as_str().as_bytes());
        // No id has it.
        hash.update(b"\0");
        hash.update(resource.as_str().as_bytes());
        let mut key = [0; 12];
        key.iter_mut().zip(hash.finalize().into_bytes()).for_each(|(byte, hashed)| *byte = hashed);
        PartitionKey(key)
    }
}

impl PartitionKey {
    /// As a structured field's byte sequence holds it.
    pub(super) fn encoded(&self) -> String {
        STANDARD.encode(self.0)
    }
}

/// Says nothing of the secret.
impl fmt::Debug for PartitionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionKeys").finish_non_exhaustive()
    }
}
