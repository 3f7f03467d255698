//! Behaviour through the public API, on the memory store and on the embedded engine.

mod layer;
mod limiter;
mod open;
mod plan;
mod store;
mod wire_format;
