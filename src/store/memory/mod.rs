//! Buckets in this process's memory.
//!
//! [`RateLimiter::memory`](crate::RateLimiter::memory) decides in place: under one bucket's lock,
//! without awaiting anything. The same buckets are also available as a [`Store`](super::Store), so
//! that code above stores can be tested with them.

mod buckets;
mod context;
mod entry;
mod eviction;
mod in_place;
mod levels;
mod operations;
mod overflow;
mod recent;
mod records;
mod schema;
mod shards;
mod state;
mod store;
mod table_room;
mod tables;
mod when_full;

pub use store::MemoryStore;
pub use when_full::WhenFull;

pub(crate) use context::Home;
pub(crate) use entry::Entry;
pub(crate) use state::Spend;
