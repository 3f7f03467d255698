//! Consumption in windows of time, from records of the table's stream.
//!
//! | part | for |
//! |---|---|
//! | [`Change`] | what a record says of a bucket shard's counters |
//! | [`plan`], [`addition`] | which snapshots count which changes, and the write that counts them once |
//! | [`Terms`], [`Crossing`] | what limits allow in a window, and how much of it is used |
//! | [`SnapshotWriter`] | brings the table's snapshots up to date |
//! | [`is_foreign_write`] | finds another aggregator by what it writes |
//!
//! A bucket's counters are absolute, and a snapshot remembers the last counted change of each shard.
//! So a change that comes again adds nothing, and a change that did not come is made up for by the
//! next one.

mod change;
mod foreign;
mod part;
mod request;
mod shard;
mod snapshot;
mod threshold;
mod window;
mod writer;

pub use change::{Change, Counters};
pub use foreign::is_foreign_write;
pub use part::{Addition, Chains, Part, Plan, addition, in_order, is_taken, plan};
pub use shard::ShardName;
pub use snapshot::{Mark, OWN, SnapshotName, SnapshotState};
pub use threshold::{BucketName, Crossing, Terms};
pub use window::{Window, WindowLength};
pub use writer::{SnapshotWriter, Written};
