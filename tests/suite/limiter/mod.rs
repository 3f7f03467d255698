//! Acquiring and settling, on the memory store in place, on gates over it, and on gates over DynamoDB.

mod clocks;
mod debt;
mod denial;
mod faults;
mod fixture;
mod handles;
mod histories;
mod in_place;
mod lease;
mod ledger;
mod memory;
mod outside;
mod prefetch;
mod processes;
mod reconfigured;
mod shard_histories;
mod shards;
mod speeds;
mod speeds_virtual;
mod stamps;
mod write_count;
