//! Acquiring and settling, on the memory store in place, on gates over it, and on gates over DynamoDB.

mod debt;
mod denial;
mod faults;
mod fixture;
mod handles;
mod histories;
mod lease;
mod ledger;
mod memory;
mod outside;
mod processes;
mod reconfigured;
mod speeds;
mod speeds_virtual;
mod write_count;
