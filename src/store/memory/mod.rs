//! Buckets in this process's memory.
//!
//! [`RateLimiter::memory`](crate::RateLimiter::memory) decides in place: under one bucket's lock, without awaiting
//! anything. The same buckets are also available as a [`Store`](super::Store), so that code above stores can be tested
//! with them.

mod buckets;
mod crowd;
mod entry;
mod holes;
mod home;
mod in_place;
mod overflow;
mod recent;
mod records;
mod shape;
mod shards;
mod state;
mod store;
mod tables;
mod tallies;
mod when_full;

pub use store::MemoryStore;
pub use when_full::WhenFull;

pub(crate) use entry::Entry;
pub(crate) use home::Home;
pub(crate) use state::Spend;
