//! The CloudFormation template of a stack.

mod alarms;
mod archive;
mod conditions;
mod event_source;
mod functions;
mod indexes;
mod intrinsic;
mod outputs;
mod parameters;
mod permissions;
mod queue;
mod roles;
mod section;
mod table;
mod whole;

pub use whole::Template;

#[cfg(feature = "manager")]
pub(crate) use {archive::ARCHIVE, table::TABLE};
