//! Operations on a whole bucket: a reset and a top-up, of all its shards at once.
//!
//! [`plan::operation`](crate::model::plan::operation) computes the [`ShardChange`]s from the shards
//! as they were read. A store executes the whole [`Operation`] in one transaction, or nothing of
//! it: the changes of the shards, the [`OperationRecord`], which makes a repeat with the same key
//! return the first result, and the event of the history.

mod change;
mod record;
mod result;

pub use change::{LimitChange, PeriodWrite, ShardChange};
pub use record::{Operation, OperationKind, OperationRecord};
pub use result::BucketOperation;
