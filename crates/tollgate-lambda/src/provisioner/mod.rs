//! The provisioner: compares limits that are declared with a table, and applies them.
//!
//! It takes two kinds of events: those of a command (`action`), and those of a custom resource of
//! CloudFormation (`RequestType`), which it answers at the `ResponseURL`.

mod answer;
mod apply;
mod command;
mod error;
mod function;
mod namespace;
mod properties;
mod resource;
#[cfg(test)]
mod round_trip;
mod text;

pub(crate) use function::ProvisionerFunction;
