//! The words that all rooms of the limiter share: amounts, decisions, options of a request. No room is needed to say
//! them.

mod amounts;
mod deadline;
mod decision;
mod local_share;
mod mode;
mod prefetch;
mod recourse;
mod refusal;
mod settlement;
mod stopwatch;

pub use local_share::LocalShare;
pub use prefetch::{Prefetch, PrefetchStats};
pub use settlement::{Settlement, SettlementFuture};

pub(super) use amounts::{ALONE, Amounts, LimitShare, Shares, left_now, status, status_now};
pub(super) use deadline::{Deadline, Marked};
pub(super) use decision::BucketDecision;
pub(super) use mode::{Mode, Patience};
pub(super) use prefetch::Counters;
pub(crate) use recourse::{Recourse, Shadow, Wait};
pub(super) use refusal::Refusal;
pub(super) use stopwatch::{Stopwatch, left_until};
