//! The real command against the embedded engine.

mod aggregate;
mod aggregators;
mod arguments;
mod bucket;
mod cascade;
mod changes;
mod connection;
mod cursors;
mod doctor;
mod faults;
mod half_hour;
mod large;
mod listings;
mod live;
mod local;
mod namespaces;
mod pages;
mod peer;
mod peer_local;
mod reading;
mod stage;
mod table;
mod terminal;
mod top;
mod top_stream;
mod usage;
