//! The options of a stack.

mod arn;
mod checks;
pub(crate) mod code_key;
mod definition;
mod error;
mod format_option;
mod from_parameters;
mod parameters;
mod ranges;
mod stack_options;
mod tags;
mod validation;
mod values;

pub use definition::StackDefinition;
pub use error::InvalidOption;
pub use from_parameters::UnknownParameterValue;
pub use ranges::LOG_RETENTION_DAYS;
pub use stack_options::StackOptions;
pub use values::{Architecture, FunctionCode, SnapshotWindow, StreamStart};

pub(crate) use ranges::Range;
#[cfg(feature = "manager")]
pub(crate) use tags::{MANAGED_BY, TAG_PREFIX};
