//! The command as a function of AWS Lambda: a static executable in a zip file.

mod executable;
mod zip;

pub(crate) use executable::{Arch, Executable};
pub(crate) use zip::zipped;
