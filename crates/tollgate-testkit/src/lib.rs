//! An embedded DynamoDB engine, a fault-injecting proxy and a simulated fleet, for testing code that keeps
//! its state in a DynamoDB table.
//!
//! - [`Engine`] answers the DynamoDB API on a loopback port, from memory or from a file. It can be stopped
//!   and resumed on the same port with the same data, which is how a test plays a store that goes away and
//!   comes back.
//! - [`Proxy`] stands between a client and an engine and does what networks and busy stores do: refuse,
//!   delay, swallow, lose an answer, throttle. It also counts what reached the store.
//! - A [`Fleet`](fleet::Fleet) runs the limiter of thousands of processes on a virtual clock, over a store
//!   that is as far away and as busy as a table.
//!
//! Engine and proxy run on threads of their own, so that they keep answering while the test's runtime is busy
//! or has one thread only, and both end when they are dropped.
//!
//! ```
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

mod background;
mod client;
mod engine;
pub mod fleet;
mod proxy;

pub use self::{
    engine::Engine,
    proxy::{ErrorAnswer, Fault, Proxy},
};
