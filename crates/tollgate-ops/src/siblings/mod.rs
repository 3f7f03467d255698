//! The shards of buckets that other programs have split.
//!
//! A shard refills by its share of the limit, so all shards of a bucket must state the same number of
//! shards. The library splits a bucket in one transaction. The Python client writes the number to the
//! first shard, and then to the others. If it ends in between, these others refill by too large a share
//! from then on, and together the shards grant more than the limit. Nobody else corrects that, so the
//! aggregator does.
//!
//! New shards are not made here: both clients make a missing shard when they first use it. No tokens
//! are written, so none are made.

mod raise;
mod split;

pub use raise::raise;
pub use split::{Split, split};
