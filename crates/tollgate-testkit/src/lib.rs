//! For testing services that use `tollgate`, and code that keeps its state in a DynamoDB table.
//!
//! - A [`TestLimiter`] decides by a script and keeps a record; [`LimitedResponse`] looks at what the layer
//!   answers. That is all there is without features, and it needs nothing that `tollgate` does not.
//! - `Engine` (feature `engine`) answers the DynamoDB API on a loopback port, from memory or from a file. It
//!   can be stopped and resumed on the same port with the same data, which is how a test plays a store that
//!   goes away and comes back.
//! - `Proxy` (feature `engine`) stands between a client and an engine and does what networks and busy stores
//!   do: refuse, delay, swallow, lose an answer, throttle. It also counts what reached the store.
//! - A `Fleet` (feature `fleet`) runs the limiter of thousands of processes on a virtual clock, over a store
//!   that is as far away and as busy as a table.
//! - A `processes::Scenario` (feature `processes`) runs the limiter in real processes against an engine, kills
//!   them, and checks what they were granted.
//!
//! # A limiter that does as it is told
//!
//! ```
//! use std::time::Duration;
//! use tollgate::Limit;
//! use tollgate_testkit::{Outcome, Step, TestLimiter};
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
//! # A store of its own
//!
//! Engine and proxy run on threads of their own, so that they keep answering while the test's runtime is busy
//! or has one thread only, and both end when they are dropped.
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
//! This crate serves tests: where it cannot do what was asked (a port that is taken, a file that does not
//! open), it panics and says why.
//!
//! # Paused time
//!
//! Engine and proxy speak over real sockets. On a tokio clock that is paused, waiting for a socket lets the clock run
//! ahead to the next timer, the SDK's own timeouts included: keep paused clocks to tests without a store.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "engine")]
mod background;
#[cfg(feature = "engine")]
mod client;
#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "fleet")]
pub mod fleet;
mod limiter;
#[cfg(feature = "processes")]
pub mod processes;
#[cfg(feature = "engine")]
mod proxy;
mod response;

pub use self::{
    limiter::{Outcome, Recorded, Step, TestLimiter},
    response::LimitedResponse,
};

#[cfg(feature = "engine")]
pub use self::{
    engine::Engine,
    proxy::{ErrorAnswer, Fault, Proxy},
};

/// The README's examples hold what they say.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
