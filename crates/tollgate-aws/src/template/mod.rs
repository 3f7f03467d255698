//! The CloudFormation template of a stack, and that of the limits of a namespace.

mod alarms;
mod archive;
mod conditions;
mod event_source;
mod functions;
mod indexes;
mod intrinsic;
mod limits;
mod outputs;
mod parameters;
mod permissions;
mod queue;
mod roles;
mod section;
mod table;
mod whole;

pub use limits::LimitsTemplate;
pub use whole::Template;

#[cfg(feature = "manager")]
pub(crate) use {archive::ARCHIVE, table::TABLE};
