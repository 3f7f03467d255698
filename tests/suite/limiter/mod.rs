//! Acquiring and settling, on the memory store in place, on gates over it, and on gates over DynamoDB.

mod breaker;
mod clocks;
mod deadlines;
mod debt;
mod denial;
mod faults;
mod fixture;
mod flaky;
mod handles;
mod histories;
mod lease;
mod ledger;
mod local;
mod memory;
mod outside;
mod prefetch;
mod processes;
mod reconfigured;
mod shadow;
mod shard_histories;
mod shards;
mod speeds;
mod speeds_virtual;
mod stamps;
mod waiting;
mod write_count;
