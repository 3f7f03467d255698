//! "What happens to the lease", row by row: see the table in `tollgate::layer`.
//!
//! A request costs 10 of 100 tokens, and an open lease settles 30. The tokens that are left then
//! show what happened: 100 if rolled back, 90 if open, 70 if committed.

mod body;
mod connection;
mod decision;
mod failure;
mod head;
mod layered_twice;
mod nested;
mod offsets;
mod process;
mod upgrade;
mod watched;

pub(super) const ROLLED_BACK: i64 = 100;
pub(super) const AS_ESTIMATED: i64 = 90;
pub(super) const COMMITTED: i64 = 70;
