//! Acquiring and settling: [`RateLimiter`], [`Lease`], and the gates behind them.
//!
//! # The life of a lease
//!
//! [`RateLimiter::acquire`] charges the estimated cost to the bucket before the work begins, either
//! for all limits or for none, and returns a [`Lease`]. While the work runs, [`Lease::adjust`] and
//! [`Lease::settle`] record the real use. Both are local and make no round trip. [`Lease::commit`]
//! then writes the difference, which may drive the bucket into debt. [`Lease::rollback`] gives
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
//! Without [`limits`](Acquire::limits), an acquire uses the limits that are stored in the table, on
//! one of four levels: see [`RateLimiter::config`]. If an entity was created with a parent and
//! cascades, the parent is charged together with it: see [`RateLimiter::entities`]. Stored limits
//! and parents are cached for a minute. Every change of them is recorded: see
//! [`RateLimiter::audit`]. [`RateLimiter::namespace`] keeps tenants apart. [`RateLimiter::usage`]
//! shows what was used and what is left. [`RateLimiter::ping`] and [`RateLimiter::status`] show the
//! health of the store.
//!
//! The guide has a page for each: [stored limits](crate::guide::stored_limits),
//! [hierarchy](crate::guide::hierarchy) and [namespaces](crate::guide::namespaces). Its pages on
//! [concepts](crate::guide::concepts) and on [what a request
//! costs](crate::guide::performance_modes) say more about the rest of this page.
//!
//! # Access, soft limits, schedules, operations
//!
//! If a stored config has disabled a resource, its acquires fail with
//! [`Error::Disabled`](crate::Error::Disabled): see [`Config::disable`]. [`Config::bypass`] grants
//! and counts everything instead. A [soft](crate::Limit::soft) limit is charged and refuses
//! nothing. A [schedule](crate::Limit::with_schedule) changes the numbers of a limit by the time of
//! day, week or month. [`RateLimiter::buckets`] resets buckets and adds tokens to them. The guide
//! explains them on its pages on [stored limits](crate::guide::stored_limits) and
//! [quotas](crate::guide::quotas).
//!
//! # Several resources
//!
//! [`Acquire::also`] charges further resources of the entity in the same acquire, all or none: a
//! model, and a budget over all models. [`Lease::part`] and [`Lease::part_mut`] reach what was
//! charged for each of them.
//!
//! # Waiting, local decisions, shadow mode
//!
//! [`Acquire::until_ready`] takes a place in the bucket and waits for capacity, first come first
//! served over all processes. [`Acquire::or_locally`] decides by this process's [`LocalShare`] of
//! the limits while the store is down; the [`Breaker`] detects that. [`Acquire::shadow_limit`]
//! makes a limit only observe. The guide explains them on its pages on
//! [waiting](crate::guide::waiting), [failure](crate::guide::failure_modes) and [shadow
//! mode](crate::guide::shadow).
//!
//! # Gates
//!
//! Over a store, every bucket has a *gate* in this process. The gate caches the state of the bucket
//! that its last write returned. A gate has one write in flight at a time, and all requests that
//! arrive meanwhile share the next write. If the cached state shows that a request cannot fit, the
//! gate denies it without a write, for at most a second after the store last showed that state.
//!
//! Writes of different processes do not exclude each other: a spend is relative to the bucket's
//! *anchor*, the time up to which its tokens are refilled, and the anchor stays the same over many
//! writes ([`plan`](crate::model::plan)). If a bucket is short and a gate's write finds no tokens,
//! the gate pauses before its next write. `docs/fleet.md` of the repository shows the results.
//!
//! With [`Acquire::prefetch`] a gate [takes tokens in advance](Prefetch) and grants from them. A
//! bucket of several shards has a gate for each shard. One shard serves a request, or several
//! shards do in one transaction. A bucket that is written more often than one item can be is split
//! ([`RateLimiterBuilder::max_shards`]). A [`BucketHandle`] looks its bucket up once for many
//! acquires.
//!
//! The guide lists what every kind of request costs in round trips and units
//! (`docs/guide/performance-modes.md`).

mod admin;
mod api;
mod bucket;
mod engine;
mod gate;
mod lease;
mod request;
mod resolver;
mod runtime;
mod terms;

pub use crate::error::SettleError;
pub use admin::{
    Audit, BucketOperations, BucketReset, BucketTopUp, Config, Entities, Listing, Namespaces,
    Snapshots, UsageReports,
};
#[cfg(feature = "dynamodb")]
pub use api::OpenOptions;
pub use api::{
    Acquire, AvailabilityRequest, BucketHandle, RateLimiter, RateLimiterBuilder, WaitRequest,
};
// Used by the scripted limiter of the testkit.
#[doc(hidden)]
pub use bucket::{Script, ScriptDecision, ScriptEvent, ScriptRequest};
pub use lease::{Lease, LeasePart, LeasePartMut};
pub use request::AcquireFuture;
pub use resolver::CacheStats;
pub use runtime::Breaker;
pub use terms::{LocalShare, OnUnavailable, Prefetch, PrefetchStats, Settlement, SettlementFuture};

pub(crate) use lease::{More, PartIndex};
pub(crate) use terms::{FallbackOptions, LeftOfOne, Shadow, Started, WaitOptions};
