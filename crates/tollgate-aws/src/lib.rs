//! The AWS stack of [`tollgate`].
//!
//! | part | for |
//! |---|---|
//! | [`StackOptions`] | what a stack has; checked, they are the [`StackDefinition`] of a stack |
//! | [`Template`] | the CloudFormation template, as YAML or JSON |
//! | [`LimitsTemplate`] | a template with the limits of a file, for a stack's function |
//! | [`policy`] | IAM policies, as JSON or for Terraform |
//! | [`StackPolicy`], [`StackRole`], [`StackFunction`] | names of the parts |
//!
//! This crate makes no calls.

mod names;
mod node;
mod options;
pub mod policy;
mod print;
mod template;
mod version;

pub use names::{ARCHIVE_FAILED, StackFunction, StackPolicy, StackRole};
pub use options::{
    Architecture, FunctionCode, InvalidOption, LOG_RETENTION_DAYS, SnapshotWindow, StackDefinition,
    StackOptions, StreamStart,
};
pub use print::PrintError;
pub use template::{LimitsTemplate, Template};
