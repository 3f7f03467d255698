//! Plain functions for operators of [`tollgate`]: no command line, no deployment.
//!
//! | part | for |
//! |---|---|
//! | [`follow`](follow::follow) | follows the stream of a table: snapshots of consumption, archives of the history |
//! | [`functions`] | logs of a stack's functions, and the connection of the stream to one |
//! | [`leftovers`] | items under the id of a namespace that was purged |
//! | [`limits`] | limits as code: compares a file with a table, and writes it there |
//! | [`usage`] | consumption in windows of time, from records of the stream |
//! | [`siblings`] | corrects shards that another program's split has missed |
//! | [`archive`] | files of events that expired |
//! | [`stream`] | shards, positions and gaps of a stream |
//! | [`record`] | the records |
//! | [`report`] | usage beside limits, as a page or a picture |
//! | [`chart`] | charts as SVG |
//! | [`s3`] | buckets of S3 |
//! | [`page`] | pages of HTML in one file |

pub mod archive;
mod attributes;
mod causes;
pub mod chart;
mod domain;
mod error;
pub mod follow;
pub mod functions;
mod http_client;
pub mod leftovers;
pub mod limits;
pub mod page;
mod reads;
pub mod record;
pub mod report;
pub mod s3;
pub mod siblings;
pub mod stream;
pub mod usage;

pub use error::OpsError;
