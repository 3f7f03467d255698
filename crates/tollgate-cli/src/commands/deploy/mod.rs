//! `tollgate deploy`
//!
//! | file | for |
//! |---|---|
//! | `command` | the command |
//! | `options` | the options of the stack |
//! | `switches` | those that are on or off |
//! | `plan` | prints a plan |

mod command;
mod options;
pub(super) mod plan;
mod switches;

pub(crate) use command::Deploy;
