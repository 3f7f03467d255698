//! The builder of a policy, and its settings by aspect.

mod also;
mod answers;
mod cost;
mod decision;
mod exempt;
mod limits;
mod policy_builder;
mod settlement;
mod subject;
mod warnings;

pub use policy_builder::PolicyBuilder;
