//! Runs of a test: its calls, and the loops that make them.

mod calls;
mod closed;
mod open;
mod running;

pub(crate) use calls::Calls;
pub use running::{Progress, Running};
