//! A proxy that injects faults between a DynamoDB client and its store.

mod counts;
mod error_answer;
mod exchange;
mod fault;
mod observer;
mod plan;
mod server;

#[cfg(feature = "processes")]
pub(crate) use self::observer::{Observed, Observer};
pub use self::{error_answer::ErrorAnswer, fault::Fault, server::Proxy};
