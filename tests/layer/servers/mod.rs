//! Servers other than axum: the examples themselves, over real sockets.

mod hyper;
mod proxy;
mod tonic;
