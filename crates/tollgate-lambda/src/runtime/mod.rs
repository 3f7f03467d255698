//! The Runtime API of Lambda: the function asks for the next event, and answers it.

mod api;
mod serve;

pub(crate) use api::RuntimeApi;
pub(crate) use serve::{Function, Invocation, serve};
