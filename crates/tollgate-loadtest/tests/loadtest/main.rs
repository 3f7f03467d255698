//! Tests of load tests, against servers on loopback, limiters and functions.

mod closed_loop;
mod limiter;
// The other tests of the workspace are run without them.
#[cfg(feature = "metrics")]
mod metrics;
mod open_loop;
mod server;
mod stages;
mod url;
