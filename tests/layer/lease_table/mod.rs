//! "What happens to the lease", row by row: see the table in `tollgate::layer`.
//!
//! A request costs 10 of 100 tokens; an open lease is told that it was 30. What is left then says
//! what became of it: 100 rolled back, 90 open, 70 committed.

mod again;
mod body;
mod connection;
mod decision;
mod failure;
mod head;
mod nested;
mod offsets;
mod process;
mod upgrade;
mod watched;

pub(super) const ROLLED_BACK: i64 = 100;
pub(super) const AS_ESTIMATED: i64 = 90;
pub(super) const COMMITTED: i64 = 70;
