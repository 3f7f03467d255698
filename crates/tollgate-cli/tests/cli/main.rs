//! The real command against the embedded engine.

mod bucket;
mod changes;
mod connection;
mod doctor;
mod half_hour;
mod listings;
mod local;
mod namespaces;
mod pages;
mod peer;
mod peer_local;
mod reading;
mod stage;
mod table;
mod top;
mod usage;
