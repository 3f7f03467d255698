//! Tests of the operators' functions.

mod archive;
mod follow;
mod gap;
mod histories;
mod shared;
mod stage;
mod writer;
