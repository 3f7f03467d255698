//! The engine and the proxy, through the SDK.

mod closed;
mod engine;
mod proxy;
mod table;
