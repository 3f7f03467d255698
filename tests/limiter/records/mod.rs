//! Stored limits, entities and their history.

mod cache;
mod capacity;
mod cascade;
mod entities;
mod fixture;
mod history;
mod items;
mod listings;
mod loose_reads;
mod namespaces;
mod stale_limits;
mod stored_limits;
pub(crate) mod usage;
