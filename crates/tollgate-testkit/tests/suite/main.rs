//! The engine and the proxy, through the SDK; the fleet.

mod closed;
mod engine;
mod fleet;
mod proxy;
mod table;
