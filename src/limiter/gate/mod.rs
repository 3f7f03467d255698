//! The agent of this process for one bucket: it keeps the last image of the bucket, the prefetched
//! tokens, and the changes that are not written yet.
//!
//! A gate has at most one write in flight. Requests that come meanwhile wait in a queue. When the
//! write is answered, the next write carries all queued requests that fit, first come, first
//! served, together with the differences of the leases that were settled since.
//!
//! | part | for |
//! |---|---|
//! | [`gate`], [`context`] | a gate, and what all gates of a limiter share |
//! | [`registry`] | all gates, by the key of their bucket |
//! | [`state`] | what a gate knows, and its decisions without I/O |
//! | [`slot`], [`idle`], [`compact`], [`interner`] | a gate that nobody uses is at rest: only a compact image is kept, whose parts other gates share |
//! | [`acquire`], [`ask`] | a request asks the gate |
//! | [`grant`], [`forgiveness`] | what is granted; a bound on how many cancelled charges are given back |
//! | [`batch`], [`headroom`], [`others`] | the requests of the next write: how many fit, and what other writers may do |
//! | [`writer`], [`pacing`] | the write loop, and the delay of its next write |
//! | [`flush`], [`confirmation`] | the differences of settled leases, and those who wait until they are written |
//! | [`prefetch`], [`prefetch_pool`] | grants from tokens that were taken ahead |
//!
//! A bucket with several shards has a gate for each of them:
//!
//! | part | for |
//! |---|---|
//! | [`shards`], [`router`] | finds the gates of the shards, and asks them for a request |
//! | [`pressure`], [`split`] | notices that an item is written as often as it can be, and splits the bucket |
//! | [`siblings`] | divides the periods of quotas among the shards |
//! | [`transaction`] | charges several shards at once, or a child and its parent |
//! | [`shown`] | what an operation on the whole bucket has left |
//! | [`shard_reads`], [`shard_set`], [`shard_writes`] | reads the shards of a transaction, divides the cost among them, writes them |

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
mod shown;
mod siblings;
mod slot;
mod split;
mod stamp_check;
mod stamps;
mod state;
pub(super) mod transaction;
mod writer;

pub(super) use self::{
    ask::ShardedRequest,
    context::{GateContext, GateSettings, RoundTrip, WriteIds},
    forgiveness::Forgiveness,
    gate::Gate,
    grant::{GateDecision, GateGrant, PendingDecision},
    registry::Gates,
    slot::Resting,
};
pub(super) use crate::limiter::gate::interner::Interner;
