//! `tollgate deploy`
//!
//! | file | for |
//! |---|---|
//! | `command` | the command |
//! | `options` | the options of the stack |
//! | `switches` | those that are on or off |
//! | `removable` | those that can be taken away again |

mod command;
mod options;
mod removable;
mod switches;

pub(crate) use command::Deploy;
