//! Follows the stream of a table, and writes snapshots of consumption and archives of the history.

mod batch;
mod checkpoint;
mod lease;
mod look;
mod options;
mod presence;
mod progress;
mod run;
mod state;

pub use checkpoint::Checkpoint;
pub use lease::{AGGREGATOR, Lease};
pub use look::checkpoint;
pub use options::FollowOptions;
pub use presence::{Counted, announce};
pub use progress::{Progress, Totals};
pub use run::follow;
pub use state::AggregatorState;
