//! Commands that a build without their Cargo feature has only by name.

#[cfg(not(feature = "loadtest"))]
pub(super) mod loadtest;
#[cfg(not(feature = "local"))]
pub(super) mod local;

use crate::failure::Failure;

/// Returns the failure of a command that this build does not have. The feature has the command's name.
fn refusal(command: &str) -> Failure {
    Failure::Refused(format!(
        "this build of tollgate is for functions and has no `tollgate {command}`: use one with the Cargo feature `{command}`, which is on by default"
    ))
}
