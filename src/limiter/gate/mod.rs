//! The agent of this process for one bucket: it keeps the last image of the bucket, the prefetched
//! tokens, and the changes that are not written yet.
//!
//! A gate has at most one write in flight. Requests that come meanwhile wait in a queue. When the
//! write is answered, the next write carries all queued requests that fit, first come, first
//! served, together with the differences of the leases that were settled since.
//!
//! [`gate`] is the gate, [`state`] has what it knows, and decides without I/O: [`batch`] selects
//! the requests of the next write, [`headroom`] says how many fit, [`others`] estimates the other
//! writers. [`acquire`] asks the gate for tokens. A gate that nobody uses is put to rest by
//! [`idle`], and only a [`compact`] image of it is kept. [`writer`] is the write loop, and
//! [`pacing`] delays its next write. [`flush`] writes the differences of settled leases, and
//! [`prefetch`] grants from prefetched tokens. A bucket with several shards has a gate for each of
//! them: [`shards`] finds them, [`split`] splits the bucket into more. [`transaction`] charges
//! several shards at once: [`shard_reads`] reads them, [`shard_set`] divides the cost among them,
//! [`shard_writes`] writes them.

mod acquire;
mod ask;
mod batch;
mod compact;
mod confirmation;
mod context;
mod flush;
mod forgiveness;
#[expect(
    clippy::module_inception,
    reason = "the gate, beside what it is made of"
)]
mod gate;
mod grant;
mod headroom;
mod idle;
mod interner;
mod others;
mod pacing;
mod prefetch;
mod prefetch_pool;
mod pressure;
mod registry;
pub(super) mod router;
mod shard_reads;
mod shard_set;
mod shard_writes;
mod shards;
mod slot;
mod split;
mod state;
pub(super) mod transaction;
mod wish;
mod writer;

pub(super) use self::{
    ask::Ask,
    context::{Context, GateSettings, RoundTrip, WriteIds},
    forgiveness::Forgiveness,
    gate::Gate,
    grant::{GateDecision, GateGrant, PendingDecision},
    registry::Gates,
    slot::Resting,
};
pub(super) use crate::limiter::gate::interner::Interner;
