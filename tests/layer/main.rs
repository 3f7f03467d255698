//! The tower layer and the axum extractors.

mod answers;
mod bodies;
mod contract;
mod events;
mod examples;
mod extract;
mod keys;
mod lease_table;
mod pass_through;
mod routes;
mod settle;
mod sockets;
mod unavailable;
mod world;
