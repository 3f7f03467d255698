//! Stacks on an emulated AWS, MiniStack, which `TOLLGATE_STACK_ENDPOINT` names. `.ci/stack` runs these
//! tests. `TOLLGATE_BOOTSTRAP` names a static executable of the command for this machine: without it
//! the stacks have no functions.
//!
//! That emulator refuses alarms on expressions, and its plans leave out parts whose condition changes.

mod adopt;
mod aws;
mod failures;
mod functions;
mod life;
mod other_tools;
mod page;
mod peer;
mod polls;
mod provision;
mod status;
