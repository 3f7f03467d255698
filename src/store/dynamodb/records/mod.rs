//! Stored limits, entities and history as items.
//!
//! | item | module |
//! |---|---|
//! | configs, and the lists of scopes that have some | [`config_item`], [`configs`], [`config_changes`] |
//! | entities | [`entities`] |
//! | history | [`audit`] |
//! | usage | [`usage`] |
//!
//! [`look_up`] reads an entity and its four levels of configs in one call. [`pages`] reads listings
//! page by page. [`transaction`] sends what must be written together. [`deletion`] deletes an entity and everything that belongs to it.

mod audit;
mod batch;
mod bucket_item;
mod client_version;
mod config_changes;
mod config_item;
mod config_limit;
mod configs;
mod deletion;
mod entities;
mod look_up;
mod moves;
mod pages;
mod scan;
mod store;
mod transaction;
mod usage;

pub(super) use audit::item as audit_item;
pub(super) use batch::{
    Item, corrupt, delete as delete_batch, get as get_batch, text_of, unbuildable,
};
pub use bucket_item::decode_bucket;
pub(super) use config_item::audit_retention;
pub(super) use entities::{parse_timestamp, timestamp};
pub(super) use pages::{PartitionQuery, page};
