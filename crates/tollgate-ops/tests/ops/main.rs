//! Tests of the operators' functions.

mod archive;
mod follow;
mod gap;
mod histories;
mod limits;
mod stage;
mod writer;
