//! Behaviour through the public API, on the memory store and on the embedded engine.

mod anchor;
mod aws_policies;
mod blocking;
mod credentials;
mod engine;
#[path = "../layer/events.rs"]
mod events;
mod fleet;
mod health;
mod interop;
mod open;
mod open_waits;
mod operations;
mod plan;
mod principal;
mod records;
mod requests;
mod sent_requests;
mod store;
mod wire_format;
