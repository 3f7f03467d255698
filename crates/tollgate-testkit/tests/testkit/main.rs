//! Tests of the engine and the proxy through the SDK, and of the fleet.

mod closed;
mod conformance;
mod engine;
mod fleet;
mod proxy;
mod table;
