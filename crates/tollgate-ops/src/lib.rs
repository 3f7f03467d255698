//! Plain functions for operators of [`tollgate`]: no command line, no deployment.
//!
//! | part | for |
//! |---|---|
//! | [`follow`](follow::follow) | follows the stream of a table: snapshots of consumption, archives of the history |
//! | [`limits`] | limits as code: compares a file with a table, and writes it there |
//! | [`usage`] | consumption in windows of time, from records of the stream |
//! | [`archive`] | files of events that expired |
//! | [`stream`] | shards, positions and gaps of a stream |
//! | [`record`] | the records |

pub mod archive;
mod attributes;
mod error;
pub mod follow;
pub mod limits;
mod reads;
pub mod record;
pub mod stream;
pub mod usage;

pub use error::OpsError;
