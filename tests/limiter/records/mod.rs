//! Stored limits, entities and their history.

mod cache;
mod capacity;
mod cascade;
mod entities;
mod fixture;
mod history;
mod items;
mod listings;
mod namespaces;
mod read_consistency;
mod shards;
mod stale_limits;
mod stored_limits;
pub(crate) mod usage;
