//! One bucket in memory, which leases and handles can hold.

use std::{
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    context::{BucketContext, Home},
    state::CompactState,
};
use crate::model::{EntityId, KeyParts, Limits};

/// A bucket's slot in memory. The slot stays in the store while anybody holds it, so a holder needs
/// no look-up.
#[derive(Debug)]
// In this order, the fields that a request reads and writes fit into two cache lines.
#[repr(C)]
pub(crate) struct Entry {
    entity: EntityId,
    context: Arc<BucketContext>,
    slot: Mutex<LockedEntry>,
    shard: u32,
}

/// The part of an entry that its lock protects.
#[derive(Debug)]
pub(super) struct LockedEntry {
    /// `None` if there is no bucket, which is the same as a full one.
    pub(super) bucket: Option<CompactState>,
    /// The time at which a full store checks if the entry can be forgotten: epoch ms, never after
    /// the time at which the bucket is full.
    pub(super) due: i64,
}

impl LockedEntry {
    /// Returns the time at which the bucket is full if nobody takes tokens from now on: epoch ms.
    /// Forgetting it then changes no decision, because a new bucket would be the same.
    pub(super) fn full_at(&self) -> i64 {
        self.bucket.as_ref().map_or(i64::MIN, CompactState::full_at)
    }
}

impl Entry {
    pub(super) fn new(entity: EntityId, shard: u32, context: Arc<BucketContext>) -> Self {
        Self {
            entity,
            context,
            slot: Mutex::new(LockedEntry {
                bucket: None,
                due: i64::MIN,
            }),
            shard,
        }
    }

    #[inline]
    pub(crate) fn key(&self) -> KeyParts<'_> {
        KeyParts {
            entity: &self.entity,
            resource: &self.context.resource,
            shard: self.shard,
        }
    }

    /// Returns the home of the limiter that created the entry.
    #[inline]
    pub(crate) fn home(&self) -> &Arc<Home> {
        &self.context.home
    }

    /// Returns the limits with which the entry was created. The limits of the bucket may differ by
    /// now.
    #[inline]
    pub(crate) fn limits(&self) -> &Limits {
        &self.context.limits
    }

    /// Locks the slot, for arithmetic only. The store's own locks are taken before it, never after.
    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, LockedEntry> {
        // After a panic the value is still consistent, so the poison flag is ignored.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The borrowed parts of a key, for a look-up without building a key. Bytes, so that the caller
/// need not check that they are valid text.
#[derive(Clone, Copy)]
pub(super) struct LookupKey<'a> {
    pub(super) entity: &'a [u8],
    pub(super) resource: &'a [u8],
    pub(super) shard: u32,
}

impl<'a> From<KeyParts<'a>> for LookupKey<'a> {
    fn from(key: KeyParts<'a>) -> Self {
        Self {
            entity: key.entity.as_str().as_bytes(),
            resource: key.resource.as_str().as_bytes(),
            shard: key.shard,
        }
    }
}

impl Hash for LookupKey<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The end of each text is not hashed. Few keys collide because of that, and they are
        // compared.
        state.write(self.entity);
        state.write(self.resource);
        if self.shard != 0 {
            state.write_u32(self.shard);
        }
    }
}

impl PartialEq<Entry> for LookupKey<'_> {
    #[inline]
    fn eq(&self, entry: &Entry) -> bool {
        let key = LookupKey::from(entry.key());
        self.shard == key.shard
            && same(self.entity, key.entity)
            && same(self.resource, key.resource)
    }
}

/// Returns `true` if two short texts are equal. Compares words; the last one overlaps if the length
/// is not a multiple of the word size. The C library's comparison, which slices use, takes as long
/// as the rest of a look-up.
#[inline]
fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    if let (Some(last), Some(other_last)) = (one.last_chunk::<8>(), other.last_chunk::<8>()) {
        let words = |text| {
            <[u8]>::as_chunks::<8>(text)
                .0
                .iter()
                .map(|word| u64::from_ne_bytes(*word))
        };
        return u64::from_ne_bytes(*last) == u64::from_ne_bytes(*other_last)
            && words(one).eq(words(other));
    }
    if let (Some(last), Some(other_last)) = (one.last_chunk::<4>(), other.last_chunk::<4>()) {
        return last == other_last && one.first_chunk::<4>() == other.first_chunk();
    }
    one.iter().eq(other)
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn texts_are_equal_if_every_byte_is() {
        for length in 0..40 {
            let text: Vec<u8> = (0..length).collect();
            assert!(same(&text, &text.clone()), "{length}");
            assert!(!same(&text, &[&text[..], b"x"].concat()), "{length}");
            for at in 0..text.len() {
                let mut other = text.clone();
                other[at] ^= 1;
                assert!(!same(&text, &other), "{at} of {length}");
            }
        }
    }
}
