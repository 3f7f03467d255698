//! Calls for what is stored beside the buckets (limits, entities, namespaces, the history, usage), and for the health
//! of the store.

mod audit;
mod config;
mod entities;
mod health;
mod listing;
mod namespaces;
mod records;
mod usage;

pub use audit::Audit;
pub use config::Config;
pub use entities::Entities;
pub use listing::Listing;
pub use namespaces::Namespaces;
pub use usage::{Snapshots, Usage};
