//! Tests of load tests, against servers on loopback, limiters and functions.

mod closed_loop;
mod limiter;
mod metrics;
mod open_loop;
mod server;
mod stages;
mod url;
