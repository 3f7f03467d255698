//! The real command against the embedded engine.

mod aggregate;
mod bucket;
mod changes;
mod connection;
mod listings;
mod namespaces;
mod pages;
mod peer;
mod reading;
mod stage;
mod usage;
