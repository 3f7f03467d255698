//! `tollgate deploy`
//!
//! | file | for |
//! |---|---|
//! | `command` | the command |
//! | `records` | the records of a stack that another tool has made |
//! | `again` | the command that makes a stack again |
//! | `options` | the options of the stack |
//! | `switches` | those that are on or off |
//! | `removable` | those that can be taken away again |

mod again;
mod command;
mod options;
mod records;
mod removable;
mod switches;

pub(crate) use again::deploy_again;
pub(crate) use command::Deploy;
