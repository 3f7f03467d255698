//! Stacks on AWS: what the commands that deploy, change and list them have in common.
//!
//! | file | for |
//! |---|---|
//! | `plan` | prints a plan |
//! | `record` | the result of a deployment |
//! | `target` | the manager of the stack that the options name, and the failures of its calls |
//! | `code` | the code of the functions: an executable, zipped |
//! | `option_names` | the flags of the options that an error names |

mod code;
mod option_names;
mod plan;
mod record;
mod target;

pub(crate) use code::{Code, CodeSource};
#[cfg(test)]
pub(crate) use option_names::flags as flags_of_errors;
pub(crate) use plan::{print_plan, show_plan};
pub(crate) use record::DeploymentRecord;
pub(crate) use target::{Target, configuration, failure};
