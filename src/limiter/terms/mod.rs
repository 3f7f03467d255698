//! The types that all parts of the limiter use: amounts, decisions, options of a request. These
//! types depend on no other part of the limiter.

mod amounts;
mod charge_context;
mod config_version;
mod deadline;
mod decision;
mod fallback_options;
mod known_flags;
mod local_share;
mod on_unavailable;
mod prefetch;
mod refusal;
mod settlement;
mod stamp_ttl;
mod started;
mod stopwatch;

pub use local_share::LocalShare;
pub use on_unavailable::OnUnavailable;
pub use prefetch::{Prefetch, PrefetchStats};
pub use settlement::{Settlement, SettlementFuture};

pub(super) use crate::limiter::terms::charge_context::{ChargeContext, Patience};
pub(crate) use crate::limiter::terms::fallback_options::{FallbackOptions, Shadow, WaitOptions};
pub(crate) use amounts::LeftOfOne;
pub(super) use amounts::{
    Amounts, DEFAULT_COST, LimitShare, MOST_USED, Shares, absorb, status, status_now,
};
pub(super) use config_version::ConfigVersion;
pub(super) use deadline::{Deadline, Marked};
pub(super) use decision::BucketDecision;
pub(super) use known_flags::KnownFlags;
pub(super) use prefetch::Counters;
pub(super) use refusal::BucketRefusal;
pub(super) use stamp_ttl::StampTtl;
pub(crate) use started::Started;
pub(super) use stopwatch::{Stopwatch, left_until};
