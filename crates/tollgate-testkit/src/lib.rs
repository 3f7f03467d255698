//! Test tools for services that use `tollgate`, and for code that keeps its state in a DynamoDB
//! table.
//!
//! - A [`TestLimiter`] decides by a script and records its requests. [`LimitedResponse`] checks the
//!   layer's responses. Both need no feature, and no dependency that `tollgate` does not have.
//! - [`conformance`] shows if a [`Store`](tollgate::store::Store) of your own keeps the rules on
//!   which limits rely.
//! - `Engine` (feature `engine`) serves the DynamoDB API on a loopback port, from memory or from a
//!   file. The engine can be stopped and resumed on the same port with the same data, so a test can
//!   simulate an outage of the store.
//! - `Proxy` (feature `engine`) stands between a client and an engine and injects faults of
//!   networks and busy stores: it refuses, delays or swallows requests, loses answers, and
//!   throttles. The proxy also counts the requests that reached the store.
//! - A `Fleet` (feature `fleet`) runs the limiters of thousands of processes on a virtual clock, on
//!   a store with the latency and the throttling of a table.
//! - A `processes::Scenario` (feature `processes`) runs limiters in real processes against an
//!   engine, kills processes, and checks their grants.
//! - A `policies::Policy` (feature `policies`) decides if an IAM policy allows a call.
//! - A `functions::EventSource` (feature `functions`) runs a function of AWS Lambda as a real process, and gives it the
//!   records of a table's stream by Lambda's rules.
//!
//! # A limiter with scripted decisions
//!
//! ```
//! use std::time::Duration;
//! use tollgate::Limit;
//! use tollgate_testkit::{LeaseOutcome, Step, TestLimiter};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tollgate::Error> {
//! let limiter = TestLimiter::new();
//! limiter.then(Step::deny(Duration::from_secs(5)));
//! let acquire = || limiter.limiter().acquire("alice", "api").limits(Limit::per_minute("rpm", 60));
//!
//! let error = acquire().await.unwrap_err();
//! assert_eq!(error.denied().and_then(|denied| denied.retry_after()), Some(Duration::from_secs(5)));
//!
//! acquire().await?.commit();
//! limiter.last().assert_used("rpm", 1);
//! # Ok(())
//! # }
//! ```
//!
//! # An embedded store
//!
//! Engine and proxy run on their own threads, so they answer even if the test's runtime is busy or
//! has only one thread. Both stop when they are dropped.
//!
#![cfg_attr(feature = "engine", doc = "```")]
#![cfg_attr(not(feature = "engine"), doc = "```ignore")]
//! use tollgate_testkit::{Engine, ErrorAnswer, Fault, Proxy};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let engine = Engine::start().await;
//! let proxy = Proxy::start(engine.address()).await;
//! let client = proxy.client();
//!
//! proxy.set_fault(Fault::answer(ErrorAnswer::throttling()).on("ListTables").once());
//! assert!(client.list_tables().send().await.is_err());
//! assert!(client.list_tables().send().await.is_ok());
//!
//! assert_eq!(proxy.received("ListTables"), 2);
//! assert_eq!(proxy.count("ListTables"), 1);
//! # }
//! ```
//!
//! # Panics
//!
//! This crate is for tests: if it cannot do what was asked, it panics with the reason, for example if a port is taken
//! or a file cannot be opened.
//!
//! # Paused time
//!
//! Engine and proxy use real sockets. On a paused tokio clock, waiting for a socket advances the clock to the next
//! timer, including the SDK's own timeouts. Use paused clocks only in tests without a store.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "engine")]
mod background;
#[cfg(feature = "engine")]
mod client;
pub mod conformance;
#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "fleet")]
pub mod fleet;
#[cfg(feature = "functions")]
pub mod functions;
mod limiter;
#[cfg(feature = "policies")]
pub mod policies;
#[cfg(feature = "processes")]
pub mod processes;
#[cfg(feature = "engine")]
mod proxy;
mod response;

pub use self::{
    limiter::{LeaseOutcome, Recorded, Step, TestLimiter},
    response::LimitedResponse,
};

#[cfg(feature = "engine")]
pub use self::{
    engine::Engine,
    proxy::{ErrorAnswer, Fault, Proxy},
};

/// Runs the README's examples as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
