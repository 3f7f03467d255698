//! The real command against the embedded engine.

mod bucket;
mod changes;
mod connection;
mod doctor;
mod listings;
mod namespaces;
mod pages;
mod peer;
mod reading;
mod stage;
mod table;
mod top;
mod usage;
