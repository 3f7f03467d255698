//! Keys that are hashed with a secret of the server.

use std::fmt;

use ::hmac::{KeyInit, Mac};
use sha2::Sha256;

use super::{Key, KeyExtractor, MissingKey};
use crate::{
    layer::RequestHead,
    model::{EntityId, UnusableKey},
};

type HmacSha256 = ::hmac::Hmac<Sha256>;

/// The extractor that [`KeyExtractor::hmac`] returns.
#[derive(Clone, Debug)]
pub struct Hmac<K> {
    key: K,
    secret: HmacSecret,
}

impl<K> Hmac<K> {
    pub(super) fn new(key: K, secret: &HmacSecret) -> Self {
        Self {
            key,
            secret: secret.clone(),
        }
    }
}

impl<K: KeyExtractor> KeyExtractor for Hmac<K> {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        self.key.extract(head).map(|key| key.hashed(&self.secret))
    }

    fn constant(&self) -> Option<Key> {
        self.key.constant().map(|key| key.hashed(&self.secret))
    }
}

/// A secret with which keys are hashed by HMAC-SHA256. Without the secret, nobody can find out by
/// trying which API key (or address) a name in the table stands for.
///
/// All processes that share a table need the same secret. A different secret makes different
/// entities, whose buckets start full. The secret is never stored, logged or shown.
///
/// ```
/// use tollgate::layer::{KeyExtractor, keys::{self, HmacSecret}};
///
/// let secret = HmacSecret::new("32 bytes from your secret store.")?;
/// let entity = keys::hashed_header("x-api-key").hmac(&secret);
/// # tollgate::layer::Policy::builder().entity(entity);
///
/// // The entity of the requests with this API key. Use it to set its limits or its parent.
/// let entity = secret.entity("sk-123")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct HmacSecret {
    bytes: HmacSha256,
    names: HmacSha256,
}

/// The error for a secret that is too short, so that it could be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the secret has {length} bytes, at least {} are needed",
    HmacSecret::MIN_LENGTH
)]
#[non_exhaustive]
pub struct WeakSecret {
    /// The number of bytes of the secret.
    pub length: usize,
}

impl HmacSecret {
    /// The minimum number of bytes of a secret. 32 random bytes are best.
    pub const MIN_LENGTH: usize = 16;

    /// Creates a secret.
    ///
    /// # Errors
    /// [`WeakSecret`] if the secret has fewer than [`MIN_LENGTH`](Self::MIN_LENGTH) bytes.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, WeakSecret> {
        let secret = secret.as_ref();
        let weak = WeakSecret {
            length: secret.len(),
        };
        if secret.len() < Self::MIN_LENGTH {
            return Err(weak);
        }
        let keyed = |secret: &[u8]| HmacSha256::new_from_slice(secret).map_err(|_| weak);
        let bytes = keyed(secret)?;
        // The server's names, such as that of an address, are hashed with a derived secret. So no
        // value that a client sends gets the hash of such a name.
        let derived = bytes
            .clone()
            .chain_update(b"tollgate: keys that are names")
            .finalize()
            .into_bytes();
        Ok(Self {
            bytes,
            names: keyed(&derived)?,
        })
    }

    /// Returns the entity that an extractor with this secret makes of `key`: an API key, a token, a
    /// cookie or a plain id. Use it to store limits for such a client.
    ///
    /// # Errors
    /// [`UnusableKey`] if the key is empty.
    pub fn entity(&self, key: impl AsRef<[u8]>) -> Result<EntityId, UnusableKey> {
        match key.as_ref() {
            [] => Err(UnusableKey),
            bytes => Ok(EntityId::from_digest(self.of_bytes(bytes))),
        }
    }

    pub(super) fn of_bytes(&self, bytes: &[u8]) -> [u8; 16] {
        digest(&self.bytes, bytes)
    }

    pub(super) fn of_name(&self, name: &str) -> [u8; 16] {
        digest(&self.names, name.as_bytes())
    }
}

impl fmt::Debug for HmacSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacSecret").finish_non_exhaustive()
    }
}

fn digest(keyed: &HmacSha256, bytes: &[u8]) -> [u8; 16] {
    let whole: [u8; 32] = keyed
        .clone()
        .chain_update(bytes)
        .finalize()
        .into_bytes()
        .into();
    let (half, _) = whole.split_first_chunk().unwrap_or((&[0; 16], &[]));
    *half
}
