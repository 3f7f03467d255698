//! Stored limits, entities and their history.

mod cache;
mod capacity;
mod cascade;
mod cursors;
mod entities;
mod fixture;
mod flags;
mod history;
mod items;
mod listings;
mod location;
mod namespaces;
mod principals;
mod read_consistency;
mod retention;
mod stale_limits;
mod stored_limits;
pub(crate) mod usage;
