//! Compares what was granted with the limits, and both sides with each other.

mod conservation;
mod ledger;
mod perfect_bucket;
mod rule;

pub use self::{conservation::Conservation, ledger::Ledger, rule::Rule};
pub(super) use self::{
    ledger::Logged,
    perfect_bucket::{Parameters, Step},
};
