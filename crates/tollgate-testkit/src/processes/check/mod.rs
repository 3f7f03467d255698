//! Compares the grants with the limits, and the store with the logs.

mod conservation;
mod ledger;
mod perfect_bucket;
mod rule;

pub use self::{conservation::Conservation, ledger::Ledger, rule::Rule};
pub(super) use self::{
    ledger::Logged,
    perfect_bucket::{Parameters, Step},
};
