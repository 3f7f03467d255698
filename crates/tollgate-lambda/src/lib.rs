//! The functions of a [`tollgate`] stack on AWS Lambda.
//!
//! A program whose `main` calls [`run`] if [`is_function`] returns true is the function. The variable
//! `_HANDLER` names it:
//!
//! | handler | what it does |
//! |---|---|
//! | `aggregator` | counts usage, and archives events of the history that expire: [`aggregator`] |
//! | `provisioner` | applies limits that a file or a CloudFormation template declares |
//!
//! | part | for |
//! |---|---|
//! | [`aggregator`] | the aggregator, without Lambda |
//! | [`event`] | events with records of a table's stream |
//! | `runtime/` | the Runtime API: the calls by which a process gets events and answers them |
//! | `provisioner/` | manifests of limits, from the command or from CloudFormation |
//! | `sdk_config` | the configuration of the SDK |
//! | `log` | lines of JSON for CloudWatch Logs |
//!
//! The guide's page on functions says how they are set up, what they answer, and what happens to
//! records that cannot be counted.

pub mod aggregator;
mod entry;
pub mod event;
mod failure;
mod log;
mod provisioner;
mod runtime;
mod sdk_config;

pub use entry::{is_function, run};
