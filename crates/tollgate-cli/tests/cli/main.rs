//! The real command against the embedded engine.

mod bucket;
mod cascade;
mod changes;
mod connection;
mod cursors;
mod faults;
mod large;
mod listings;
mod namespaces;
mod pages;
mod peer;
mod reading;
mod stage;
mod terminal;
mod usage;
