//! The tower layer and the axum extractors.
#![allow(
    clippy::duplicate_mod,
    reason = "each example that is tested brings along what all of them share"
)]

mod answers;
mod bodies;
mod combinations;
mod configuration;
mod contract;
mod events;
mod examples;
mod extract;
mod extract_bound;
mod handler_errors;
mod hostile;
mod keys;
mod lease_table;
mod pass_through;
mod refused;
mod routes;
mod servers;
mod settle;
mod setup_codes;
mod several_resources;
mod shadow;
mod shortcuts;
mod sockets;
mod streams;
mod telemetry;
mod unavailable;
mod unavailable_local;
mod waiting;
mod warnings;
mod world;
