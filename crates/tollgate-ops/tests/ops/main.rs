//! Tests of the operators' functions.

mod archive;
mod backlog;
mod bucket;
mod chart;
mod follow;
mod gap;
mod histories;
mod limits;
mod report;
mod shared;
mod siblings;
mod stage;
mod threshold;
mod writer;
