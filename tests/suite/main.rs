//! Behaviour through the public API, on the memory store and on the embedded engine.

mod blocking;
mod fleet;
mod interop;
mod layer;
mod limiter;
mod open;
mod plan;
mod records;
mod store;
mod wire_format;
