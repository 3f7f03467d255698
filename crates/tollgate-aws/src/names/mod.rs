//! Names of the parts of a stack. The names, and the words in them, are those of zae-limiter, so that
//! its tools find the parts.

mod format;
mod function;
mod policy;
mod role;

pub use function::{ARCHIVE_FAILED, StackFunction};
pub use policy::StackPolicy;
pub use role::StackRole;

pub(crate) use format::{FormatProblem, NameFormat, NameKind, is_iam_name};
