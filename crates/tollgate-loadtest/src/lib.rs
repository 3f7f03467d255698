//! Load tests of rate limits: closed and open loop, against a limiter, a URL, or a function.
//!
//! ```
//! use std::time::Duration;
//! use tollgate::{Limit, RateLimiter, model::Limits};
//! use tollgate_loadtest::{Load, LoadTest, targets::{Keys, LimiterTarget}};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let target = LimiterTarget::new(RateLimiter::memory(), Keys::uniform("user-", 100), "api")
//!     .limits(Limits::new([Limit::per_minute("rpm", 60)])?);
//! // 500 requests a second, whatever the answers are.
//! let load = Load::rate(500.0).lasting(Duration::from_secs(1));
//! let report = LoadTest::new(load).run(target).await;
//!
//! assert_eq!(report.counts.granted, 500);
//! assert!(report.percentile(0.99) < Duration::from_secs(1));
//! # Ok(())
//! # }
//! ```
//!
//! | part | for |
//! |---|---|
//! | [`Load`] | users or a rate, over time |
//! | [`LoadTest`] | a test with a load: runs against a [`Target`] |
//! | [`targets`] | a limiter, a URL; [`from_fn`] for a function |
//! | [`Report`] | counts, latencies, and both over time; reports of several processes merge |
//! | [`tune`] | finds the most load that keeps a bound |
//!
//! # Open and closed loop
//!
//! A user of a closed loop waits for its answer before it asks again. If the service stalls for a
//! second, each user has one slow call, and makes fewer calls: the percentiles hardly show it. In
//! an open loop calls begin at their own times, and the latency of a call begins at the time at
//! which it should have begun. So all calls of that second are slow, as they are for the clients of
//! a service.

mod load;
mod outcome;
pub mod record;
mod reply;
mod report;
mod run;
mod settings;
mod target;
pub mod targets;
mod test;
pub mod tune;

pub use load::Load;
pub use outcome::Outcome;
pub use reply::Reply;
pub use report::Report;
pub use run::{Progress, Running};
pub use target::{Call, Target, from_fn};
pub use test::LoadTest;
