//! Buckets in this process's memory.
//!
//! [`RateLimiter::memory`](crate::RateLimiter::memory) decides in place: under one shard's lock,
//! without awaiting anything. The same buckets are also a [`Store`](super::Store), for tests of
//! what stands above stores.

mod buckets;
mod in_place;
mod records;
mod store;

pub use store::MemoryStore;

pub(crate) use in_place::Shortage;
