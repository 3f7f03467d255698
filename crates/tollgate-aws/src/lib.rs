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
//! Without the feature `manager` this crate makes no calls. With it, [`manager`] deploys stacks.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "manager")]
#[cfg_attr(docsrs, doc(cfg(feature = "manager")))]
pub mod manager;
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
    StackOptions, StreamStart, UnknownParameterValue,
};
pub use print::PrintError;
pub use template::{LimitsTemplate, Template};
