//! Stored limits, entities and history as items.
//!
//! | item | module |
//! |---|---|
//! | configs, and the lists of who has some | [`configs`] |
//! | entities | [`entities`] |
//! | history | [`audit`] |
//! | usage | [`usage`] |
//!
//! [`look_up`] reads an entity and its four levels of configs at once, [`pages`] is how listings
//! go on, [`deletion`] removes an entity with all that is its own.

mod audit;
mod batch;
mod configs;
mod deletion;
mod entities;
mod look_up;
mod pages;
mod store;
mod usage;

pub(super) use batch::{Item, corrupt, delete as delete_batch, get as get_batch, text_of};
pub(super) use configs::unbuildable;
pub(super) use entities::{parse_timestamp, timestamp};
pub(super) use pages::{Listing, page};
