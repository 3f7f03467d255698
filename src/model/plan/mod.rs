//! Plans the one exact conditional write for a bucket's image and a batch of charges.
//!
//! Words: the *anchor* is the time up to which the stored tokens are refilled. The refill since the
//! anchor is *due*. The *level* is `min(capacity, tokens + due)`. The anchor stays the same over
//! many writes, and a spend is made relative to it, so writes of different processes commute.
//!
//! The image may be stale: others may have spent or given back since. So no line relies on the
//! tokens in the image. A line that stays below the capacity *adds*, on condition that the level
//! does stay below it. A line that reaches the capacity *sets*, on condition that the level does
//! reach it and that the anchor has not moved. If a row was chosen from a stale image, the store
//! either does exactly what a bucket with perfect knowledge would have done, or refuses and returns
//! the item.
//!
//! [`Others`] describes the expected writes of other processes. This description improves the
//! choice of rows, and allows a full bucket to grant its slack in addition, once.

mod changes;
mod create;
mod desired;
mod expiry;
mod levels;
mod line;
mod operation;
mod shards;
mod siblings;
mod update;

pub use self::{
    changes::{Change, LedgerDelta},
    create::{create, create_shard},
    desired::{Desired, Others, Peers, Siblings},
    levels::{
        differs, is_short, limits_of, projected, projected_as, same_parameters, status, statuses,
    },
    operation::{OperationPlan, WantedOperation, operation},
    shards::{ShardView, draw, statuses_of_shards},
    siblings::{donor, sessions},
    update::{take_anyway, take_overdue, update},
};

/// Returns the nearest `i64`.
fn clamp(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
}
