//! Acquiring and settling: [`RateLimiter`], [`Lease`], and the gates behind them.
//!
//! # A lease's life
//!
//! [`RateLimiter::acquire`] charges the estimated cost to the bucket before the work begins, all
//! limits or none, and returns a [`Lease`]. While the work runs, [`Lease::adjust`] and
//! [`Lease::settle`] note what it really uses: locally, without a round trip. [`Lease::commit`]
//! then writes the difference, which may drive the bucket into debt; [`Lease::rollback`] gives
//! everything back, and so does dropping the lease.
//!
//! ```
//! use tollgate::{Limit, RateLimiter};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let limiter = RateLimiter::memory();
//! let limits = [Limit::per_minute("rpm", 60), Limit::per_minute("tpm", 1000)];
//!
//! let mut lease = limiter.acquire("user-1", "gpt-4").limits(limits).cost("tpm", 100).await?;
//! lease.settle("tpm", 180)?; // what the answer says was used
//! lease.commit().await?;
//! # Ok::<(), tollgate::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Stored limits, parents, namespaces
//!
//! Without [`limits`](Acquire::limits) an acquire goes by those that are stored in the table, on
//! four levels: [`RateLimiter::config`]. An entity that was created with a parent, and cascades, is
//! charged together with it: [`RateLimiter::entities`]. What was looked up stays known for a
//! minute. Every change is noted: [`RateLimiter::audit`]. Tenants are kept apart by
//! [`RateLimiter::namespace`]. What was used and what is left: [`RateLimiter::usage`]. How the store
//! does: [`RateLimiter::ping`], [`RateLimiter::status`].
//!
//! The guide has a page for each: [stored limits](crate::guide::stored_limits), [hierarchy](crate::guide::hierarchy) and
//! [namespaces](crate::guide::namespaces), and [concepts](crate::guide::concepts) and [what a request
//! costs](crate::guide::performance_modes) for what stands here.
//!
//! # Not simply granted
//!
//! [`Acquire::until_ready`] takes its place in the bucket and waits for capacity, first come first served over all
//! processes; [`Acquire::or_locally`] decides by
//! this process's [`Share`] of the limits while the store is down, which a [`Breaker`] finds out;
//! [`Acquire::shadow`] lets a limit only observe. The guide's pages on [waiting](crate::guide::waiting),
//! [failure](crate::guide::failure_modes) and [shadow mode](crate::guide::shadow) go into each.
//!
//! # Gates
//!
//! Over a store, every bucket has a *gate* in this process: it remembers the bucket as the last
//! write returned it, lets one write fly at a time, and lets requests that come meanwhile share
//! the next one. A request that cannot fit is denied from what the gate knows, without a write,
//! for at most a second after the store last said so.
//!
//! Writes of different processes do not exclude each other: a spend is made relative to the bucket's *anchor*, the time
//! up to which its tokens are refilled, which stays where it is over many writes ([`plan`](crate::model::plan)). Of a
//! bucket that is short, a gate that finds nothing pauses before its next write. `docs/fleet.md` of the repository shows
//! what that gives.
//!
//! With [`Acquire::prefetch`] a gate takes tokens [ahead](Prefetch) and grants from them. A bucket of
//! several shards has a gate for each: one of them serves a request, or several in one transaction; one
//! that is written more often than an item can be is split ([`Builder::max_shards`]). A
//! [`BucketHandle`] keeps a bucket's place. A bucket that a peer has disabled refuses with
//! [`Error::Disabled`](crate::Error::Disabled).
//!
//! The guide has every case of what a request costs in round trips and units (`docs/guide/performance-modes.md`).

mod acquire;
mod background;
mod breaker;
mod bucket;
mod bucket_handle;
mod builder;
mod charge;
mod context;
mod deadline;
mod fallback;
mod forgiveness;
mod gate;
mod gates;
mod lease;
mod memory;
mod places;
mod prefetch;
mod query;
mod rate_limiter;
mod recourse;
mod request;
mod resolver;
mod scripted;
mod sharded;
mod share;
mod stored;
mod together;
mod waiting;
mod waits;
mod watched;

pub use crate::error::SettleError;
pub use acquire::{Acquire, AcquireFuture};
pub use breaker::Breaker;
pub use bucket_handle::BucketHandle;
pub use builder::Builder;
pub use lease::{Lease, Settlement, SettlementFuture};
pub use prefetch::{Prefetch, PrefetchStats};
pub use query::{Query, QueryWait};
pub use rate_limiter::RateLimiter;
pub use resolver::CacheStats;
pub use scripted::{Script, ScriptDecision, ScriptEvent, ScriptRequest};
pub use share::Share;
pub use stored::{Audit, Config, Entities, Listing, Namespaces, Snapshots, Usage};

pub(crate) use acquire::Started;
pub(crate) use lease::{More, Single};
pub(crate) use recourse::{Recourse, Shadow};
pub(crate) use waiting::Wait;

#[cfg(feature = "dynamodb")]
mod open;
#[cfg(feature = "dynamodb")]
mod opening;
#[cfg(feature = "dynamodb")]
pub use open::Open;
