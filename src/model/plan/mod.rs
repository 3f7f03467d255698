//! From a bucket's image and a batch of charges to the one conditional write that is exact.
//!
//! Words: the *anchor* is the time up to which the stored tokens are refilled. What has refilled since is *due*;
//! the *level* is `min(capacity, tokens + due)`. The anchor stays where it is over many writes, and a spend is made
//! relative to it, so writes of different processes commute.
//!
//! The image may be stale: others may have spent or given back since. So no line relies on the tokens that it
//! shows. A line that stays below the capacity *adds*, on condition that it does stay below; one that reaches the
//! capacity *sets*, on condition that it does reach it and that the anchor is the one that was seen. Whichever row
//! was chosen from a stale image, the store either does exactly what a bucket with perfect knowledge would have
//! done, or refuses and returns the item.
//!
//! [`Others`] says what a writer expects of the others: it makes the choice of rows better, and may let a full
//! bucket grant its slack more, once.

mod changes;
mod create;
mod expiry;
mod levels;
mod line;
mod shards;
mod update;
mod wanted;

pub use self::{
    changes::{Change, Changes},
    create::{create, create_shard},
    levels::{differs, is_short, limits_of, projected, same_parameters, status, statuses},
    shards::{Seen, draw, statuses_of_shards},
    update::{take_anyway, take_overdue, update},
    wanted::{Others, Peers, Wanted},
};

/// Returns the nearest `i64`.
fn clamp(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
}
