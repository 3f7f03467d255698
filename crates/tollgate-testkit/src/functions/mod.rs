//! Runs functions of AWS Lambda as real processes, on the records of a table's stream.
//!
//! A [`Function`] is a program that speaks the Runtime API, such as a `bootstrap` for
//! `provided.al2023`. An [`EventSource`] starts it, gives it batches of records by the rules of Lambda,
//! kills it, gives it batches twice, and reports what was answered. Nothing but processes and loopback
//! is needed.
//!
//! # The rules of Lambda
//!
//! - A batch has at most [`batch_size`](EventSource::batch_size) records of one shard, in their order.
//!   A batch that is not full waits for the [`batch_window`](EventSource::batch_window).
//! - Each shard has one batch at a time. Shards go on at the same time, in any order, and any process
//!   may get a batch of any shard.
//! - An answer with `batchItemFailures` counts as success up to the lowest sequence number in it. The
//!   rest of the batch comes again. An identifier that is empty or unknown fails the whole batch.
//! - If the invocation fails, if it is late, or if the process ends, the batch comes again: in two
//!   halves if the source [bisects](EventSource::bisect), which is no retry; otherwise whole, until it
//!   has had its [`retries`](EventSource::retries).
//! - A batch without a retry left, and records that are older than
//!   [`record_age`](EventSource::record_age), become a [`DeadLetter`].
//!
//! # Examples
//!
//! ```no_run
//! use std::time::Duration;
//! use tollgate_testkit::{Engine, functions::{EventSource, Faults, Function}};
//!
//! # async fn deliver() {
//! let engine = Engine::start().await;
//! // … a table with a stream, and writes …
//! let function = Function::new("target/release/bootstrap")
//!     .handler("aggregator")
//!     .variable("TABLE_NAME", "limits")
//!     .variable("AWS_ENDPOINT_URL", engine.endpoint());
//! let report = EventSource::new(function)
//!     .shards(3)
//!     .batch_size(50)
//!     .retries(3)
//!     .bisect(true)
//!     .faults(Faults::new(1).kill_one_in(5).repeat_one_in(4))
//!     .drain(&engine, "limits")
//!     .await;
//! assert_eq!(report.dead_letters, []);
//! # }
//! ```

mod api;
mod batch;
mod dead_letter;
mod faults;
mod feed;
mod function;
mod pool;
mod reply;
mod report;
mod rules;
mod sandbox;
mod shard;
mod source;

pub use self::{
    dead_letter::{DeadLetter, Discarded},
    faults::Faults,
    feed::records,
    function::Function,
    reply::Reply,
    report::Report,
    sandbox::Sandbox,
    source::EventSource,
};
