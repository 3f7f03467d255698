//! Names, limits, costs and bucket arithmetic: pure values without I/O and without a clock.
//!
//! A [`Limit`] defines a token bucket. The bucket holds up to `capacity` tokens and regains
//! `refill_amount` tokens every `refill_period`. Inside a bucket, all amounts are **millitokens**
//! (1 token = 1000) and all times are milliseconds since the epoch. The remainder of each refill's
//! division is kept in the bucket and counts at the next refill, so a slow limit can be refilled
//! often without losing a fraction.
//!
//! A store returns a [`BucketState`] and executes an [`Update`], a [`Create`] or a [`Split`]. These
//! writes are planned from a state and a batch of charges, and are exact for any content of the
//! store when the write arrives.

mod access;
mod audit;
mod bucket;
mod bucket_ttl;
mod calendar;
mod config;
mod config_change;
mod cost;
mod course;
mod definition;
mod denied_json;
mod entity;
mod health;
mod invalid_limit;
mod key;
mod limit;
mod limit_form;
pub mod limit_name;
mod limit_rule;
mod limit_schedule;
mod limit_state;
mod limits;
mod mapping;
mod milli;
mod name;
mod namespace;
mod now;
mod operation;
mod parameters;
mod parent_link;
mod period;
#[doc(hidden)]
pub mod plan;
mod pressure;
mod quota;
mod quota_builder;
mod refill;
mod schedule;
mod sealed;
mod seconds;
mod stamps;
mod status;
mod timetable;
mod usage;
mod version;
mod write;

#[cfg(feature = "dynamodb")]
pub(crate) use access::BYPASS;
pub use access::{Access, ConfigFlag, DisabledLevel};
pub use audit::{AuditAction, AuditEvent, AuditSubject};
pub use bucket::BucketState;
pub use bucket_ttl::BucketTtl;
pub use config::{ConfigScope, ConfigSource, ResolvedLimits, StoredConfig, StoredOnUnavailable};
pub use config_change::ConfigChange;
pub use cost::Cost;
pub use entity::Entity;
pub use health::{BreakerState, Status, StoreStatus};
pub use invalid_limit::InvalidLimit;
pub use key::BucketKey;
pub use limit::Limit;
pub use limit_state::LimitState;
pub use limits::{IntoLimits, InvalidLimits, Limits};
pub use mapping::UnusableKey;
pub(crate) use mapping::{canonical, write_network};
pub use name::{
    EntityId, IntoName, InvalidName, LimitName, NameKind, NameProblem, NamespaceName, Resource,
    StackName,
};
pub use namespace::{NamespaceId, NamespaceInfo, NamespaceStatus};
pub use operation::{
    BucketOperation, LimitChange, Operation, OperationKind, OperationRecord, PeriodWrite,
    ShardChange,
};
pub use parameters::{InvalidParameters, Parameters};
pub use parent_link::{OwnerStamp, ParentLink};
pub use period::{Period, PeriodChange, PeriodMark};
pub use pressure::Pressure;
pub use quota::{Calendar, Renewal};
pub use quota_builder::Quota;
pub use refill::{Level, Refill, RefillRule};
pub use schedule::{
    CompactProblem, CronProblem, InvalidCron, InvalidSchedule, LimitNumbers, ResetSchedule,
    Schedule, ScheduleEntry,
};
pub use stamps::{BucketStamps, StampGuard, Validity};
pub use status::{Availability, Denied, LimitStatus, Owner};
pub use timetable::Timetable;
pub use usage::{
    EntityCapacity, ResourceCapacity, UsageQuery, UsageSnapshot, UsageSubject, UsageSummary,
    UsageWindow,
};
pub use version::{IncompatibleVersion, VersionRecord};
pub use write::{
    Anchor, Boundary, CascadeChange, Create, Expiry, Guard, Line, NewLimit, ScheduleChange, Split,
    StampChange, TokenChange, Update, WriteId,
};

pub(crate) use audit::{new_id, new_incarnation};
pub(crate) use calendar::rfc3339;
pub(crate) use course::Course;
pub(crate) use definition::Definition;
pub(crate) use key::KeyParts;
pub(crate) use milli::{MILLI, to_milli, whole_tokens};
pub(crate) use now::ClockReading;
pub(crate) use sealed::Sealed;
#[cfg(feature = "dynamodb")]
pub(crate) use seconds::from_seconds;
pub(crate) use seconds::{from_millis, to_seconds};
pub(crate) use usage::Tally;
