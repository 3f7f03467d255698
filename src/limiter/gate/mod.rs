//! The agent of this process for one bucket: it keeps the last image of the bucket, the tokens that were taken ahead,
//! and the changes that are not written yet.
//!
//! A gate has at most one write in flight. Requests that come meanwhile wait in a queue. When the write is answered,
//! the next write carries all queued requests that fit, first come, first served, together with the differences of the
//! leases that were settled since.
//!
//! [`gate`] is the gate, [`state`] has what it knows, and decides without I/O: [`batch`] selects the requests of the
//! next write, [`room`] says how many fit, [`others`] estimates the other writers. [`acquire`] asks it. While nobody
//! uses the gate it is at [`rest`], and only a [`record`] of it is kept. [`flight`] is the write loop, and [`pacing`]
//! delays its next write. [`settling`] brings the differences of settled leases, and [`ahead`] grants from tokens that
//! were taken ahead. A bucket with several shards has a gate for each of them: [`shards`] finds them, [`growth`] splits
//! the bucket into more.

mod acquire;
mod ahead;
mod ask;
mod batch;
mod confirmation;
mod context;
mod flight;
mod forgiveness;
#[expect(clippy::module_inception, reason = "the gate, beside what it is made of")]
mod gate;
mod grant;
mod growth;
mod kinds;
mod others;
mod pacing;
mod pool;
mod pressure;
mod record;
mod registry;
mod rest;
mod room;
pub(super) mod router;
mod settling;
mod shard_reads;
mod shards;
mod slot;
mod state;
pub(super) mod transaction;
mod wish;

pub(super) use self::{
    ask::Ask,
    context::{Context, GateSettings, RoundTrip, WriteIds},
    forgiveness::Forgiveness,
    gate::Gate,
    grant::{GateAnswer, GateCharge, GateDecision, GateGrant, PendingDecision},
    kinds::Kinds,
    registry::Gates,
    slot::Resting,
};
