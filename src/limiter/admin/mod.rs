//! Calls for the stored data other than buckets (limits, entities, namespaces, the history, usage),
//! and for the health of the store.

mod at_once;
mod audit;
mod bucket_state;
mod bucket_walk;
mod buckets;
mod carry;
mod changes;
mod config;
mod entities;
mod fan_out;
mod flags;
mod health;
mod listing;
mod location;
mod moves;
mod namespaces;
mod operation;
mod progress;
mod reapply;
mod records;
mod usage;
mod zones;

pub use crate::limiter::admin::audit::Audit;
pub use crate::limiter::admin::buckets::{BucketOperations, BucketReset, BucketTopUp};
pub use crate::limiter::admin::config::Config;
pub use crate::limiter::admin::entities::Entities;
pub use crate::limiter::admin::listing::Listing;
pub use crate::limiter::admin::namespaces::Namespaces;
pub use crate::limiter::admin::usage::{Snapshots, UsageReports};
