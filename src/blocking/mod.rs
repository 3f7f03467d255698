//! The limiter for code without async (feature `blocking`).
//!
//! Every call waits for its answer. A thread of the limiter does the work, so the limiter can be used from plain
//! threads, and from `spawn_blocking` inside a tokio runtime. From an async task it would block the task's thread, as
//! any blocking call does.
//!
//! Decisions that need no store call are made on the calling thread. The types are those of
//! [`limiter`](crate::limiter), whose documentation describes their calls and costs. The guide's [page on
//! blocking](crate::guide::blocking) compares both.
//!
//! ```
//! use tollgate::{Limit, blocking::RateLimiter};
//!
//! let limiter = RateLimiter::memory()?;
//! let limits = Limit::per_minute("tpm", 1000);
//! let mut lease = limiter.acquire("user-1", "gpt-4").limits(limits).cost("tpm", 100).lease()?;
//! lease.settle("tpm", 180)?;
//! lease.commit().wait()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod acquire;
mod bucket_handle;
mod lease;
mod listing;
mod query;
mod rate_limiter;
mod records;
mod runtime;
mod usage;

#[cfg(feature = "dynamodb")]
mod open;
#[cfg(feature = "dynamodb")]
pub use open::Open;

pub use acquire::Acquire;
pub use bucket_handle::BucketHandle;
pub use lease::{Lease, Settlement};
pub use listing::Listing;
pub use query::Query;
pub use rate_limiter::RateLimiter;
pub use records::{Audit, Config, Entities, Namespaces};
pub use usage::{Snapshots, Usage};
