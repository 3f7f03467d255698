//! The limiter without async (feature `blocking`).
//!
//! Every call waits for its answer. The work is done by a thread of the limiter's own, so that it
//! can be used from plain threads, and from `spawn_blocking` inside a tokio runtime; from an async
//! task it would block the task's thread, as any blocking call does.
//!
//! Decisions that need no store call are made on the calling thread. The types are those of
//! [`limiter`](crate::limiter), whose documentation says what their calls do and cost; the guide's
//! [page on it](crate::guide::blocking) compares the two.
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
