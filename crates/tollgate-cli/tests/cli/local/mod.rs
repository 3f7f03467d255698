//! The local table: real processes, each test in a folder of its own.

mod aggregator;
mod faults;
mod life;
pub(crate) mod place;
mod races;
mod reading;
mod shell;
mod upkeep;
