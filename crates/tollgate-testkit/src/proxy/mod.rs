//! A proxy that injects faults between a DynamoDB client and its store.

mod counts;
mod error_answer;
mod exchange;
mod fault;
mod plan;
mod server;

pub use self::{error_answer::ErrorAnswer, fault::Fault, server::Proxy};
