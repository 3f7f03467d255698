//! `tollgate deploy`
//!
//! | file | for |
//! |---|---|
//! | `command` | the command |
//! | `options` | the options of the stack |
//! | `switches` | those that are on or off |

mod command;
mod options;
mod switches;

pub(crate) use command::Deploy;
