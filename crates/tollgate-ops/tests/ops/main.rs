//! Tests of the operators' functions.

mod archive;
mod bucket;
mod follow;
mod gap;
mod histories;
mod stage;
mod threshold;
mod writer;
