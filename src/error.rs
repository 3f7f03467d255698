//! The one error type.

pub(crate) mod code;

use std::{convert::Infallible, time::Duration};

use crate::{
    model::{
        Denied, EntityId, InvalidLimit, InvalidLimits, InvalidName, LimitName, NamespaceStatus, Owner, Resource,
        UnusableKey,
    },
    store::StoreError,
};

#[cfg(feature = "dynamodb")]
use crate::model::IncompatibleVersion;

/// Everything that an acquire, a lease or opening a limiter can answer instead of success.
///
/// The text of every error here is one line and says all there is to say: none repeats its
/// [`source`](std::error::Error::source), for it has none.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A bucket is short. Nothing stays charged.
    #[error(transparent)]
    Denied(Box<Denied>),
    /// Too many wait for the bucket already. Nothing was charged.
    #[error(transparent)]
    QueueFull(Box<QueueFull>),
    /// The cost is above a capacity: waiting does not help. Nothing was charged.
    #[error(transparent)]
    ExceedsCapacity(Box<ExceedsCapacity>),
    /// The resource is disabled for the entity: neither waiting nor a smaller cost helps. Nothing was
    /// charged.
    #[error(transparent)]
    Disabled(Box<Disabled>),
    /// No decision could be made. What a lost write may have charged stays charged, never more.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// An argument is wrong. Nothing was charged.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A lease was not settled.
    #[error(transparent)]
    Settle(#[from] SettleError),
    /// An entity is not as the call needs it.
    #[error(transparent)]
    Entity(#[from] EntityError),
    /// A namespace is not as the call needs it.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// The stack could not be joined or provisioned.
    #[error(transparent)]
    Stack(#[from] StackError),
}

/// What kind of error it is, for callers that treat kinds alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCategory {
    /// The limits say no.
    RateLimit,
    /// The resource is disabled for the entity.
    Disabled,
    /// The store does not answer.
    Unavailable,
    /// An entity is missing, or exists already.
    Entity,
    /// An argument is wrong.
    Validation,
    /// The stack is missing, or could not be provisioned.
    Infrastructure,
    /// The table belongs to a version that this crate does not understand.
    Version,
}

impl Error {
    /// What kind of error it is.
    pub fn category(&self) -> ErrorCategory {
        match self {
            Self::Denied(_) | Self::QueueFull(_) | Self::ExceedsCapacity(_) => ErrorCategory::RateLimit,
            Self::Disabled(_) => ErrorCategory::Disabled,
            Self::Unavailable(_) | Self::Settle(_) => ErrorCategory::Unavailable,
            Self::Invalid(_) => ErrorCategory::Validation,
            Self::Entity(_) => ErrorCategory::Entity,
            Self::Namespace(_) => ErrorCategory::Infrastructure,
            Self::Stack(
                StackError::IncompatibleSchema { .. }
                | StackError::ClientTooOld { .. }
                | StackError::InvalidVersion { .. },
            ) => ErrorCategory::Version,
            Self::Stack(_) => ErrorCategory::Infrastructure,
        }
    }

    /// The denial, where it is one; that of a request that could not even wait, too.
    pub fn denied(&self) -> Option<&Denied> {
        match self {
            Self::Denied(denied) => Some(denied),
            Self::QueueFull(full) => Some(&full.denied),
            _ => None,
        }
    }
}

/// A request that would have had to wait behind too many others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{waiters} requests wait already: {denied}")]
#[non_exhaustive]
pub struct QueueFull {
    /// How many wait.
    pub waiters: usize,
    /// The denial, with the exact time until the request would be granted after all of them.
    pub denied: Denied,
}

impl QueueFull {
    pub(crate) fn new(waiters: usize, denied: Denied) -> Self {
        Self { waiters, denied }
    }
}

/// A cost that no wait makes fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{requested} tokens of {limit} were requested for {resource}, its capacity is {capacity}")]
#[non_exhaustive]
pub struct ExceedsCapacity {
    /// Who asked.
    pub entity: EntityId,
    /// For what.
    pub resource: Resource,
    /// Whose bucket the limit belongs to.
    pub owner: Owner,
    /// The limit whose capacity the cost exceeds.
    pub limit: LimitName,
    /// Tokens asked for.
    pub requested: u64,
    /// Tokens that a full bucket holds.
    pub capacity: u64,
}

/// A resource that is disabled for an entity: by its stored config, or by a stamp on the bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{resource} is disabled for {entity}")]
#[non_exhaustive]
pub struct Disabled {
    /// Whose bucket is disabled: who asked, or its parent.
    pub entity: EntityId,
    /// What is disabled.
    pub resource: Resource,
}

impl Disabled {
    pub(crate) fn new(entity: EntityId, resource: Resource) -> Self {
        Self { entity, resource }
    }
}

/// Why there was no decision.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The store did not answer within the acquire's deadline.
    #[error("no decision within the deadline")]
    Deadline,
    /// The store failed, or its memory is full of buckets in use.
    #[error("the store failed: {0}")]
    Store(StoreError),
    /// The store keeps failing, and is not asked for now: [`Breaker`](crate::limiter::Breaker).
    #[error("the store keeps failing, and is not asked for now")]
    BreakerOpen,
    /// The bucket's write lost every race for it.
    #[error("the bucket is written by too many at once")]
    Contended,
    /// The store throttles writes of the bucket, and the next one would come too late for this request.
    #[error("the store throttles the bucket: try again in {} ms", retry_after.as_millis())]
    Throttled {
        /// The time until the next write of the bucket.
        retry_after: Duration,
    },
    /// The limiter's namespace is not registered in the table any more: the table was deleted and made again. To go
    /// on would grant every limit a second time; open the limiter anew.
    #[error("the namespace is not registered in the table any more: open the limiter anew")]
    Unregistered,
    /// The limiter was [shut down](crate::RateLimiter::shutdown).
    #[error("the limiter was shut down")]
    ShutDown,
    /// The task that should have answered was dropped with the runtime that the limiter was built in: build or open the
    /// limiter in one that lives as long as it, or name such a one with
    /// [`Builder::runtime`](crate::limiter::Builder::runtime). Or the store has panicked.
    #[error("the runtime that the limiter was built in is gone, or its store has panicked")]
    RuntimeGone,
    /// The operating system gives no thread to run a limiter on.
    #[error("the operating system gives no thread for the limiter")]
    NoThread,
    /// The limiter has come to a state that should not be. Nothing was granted.
    #[error("a mistake of the limiter's own: {0}")]
    Internal(&'static str),
}

impl Unavailable {
    /// Returns `true` if the store is down or busy, so that the same request may be decided later. Returns `false` if
    /// the failure lasts until somebody mends it: the store refuses the call for good, the table is gone or another one,
    /// the limiter was shut down. Modes that let requests pass or decide locally are for outages only.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Deadline | Self::BreakerOpen | Self::Contended | Self::Throttled { .. } => true,
            Self::Store(error) => error.kind().is_outage(),
            Self::Unregistered | Self::ShutDown | Self::RuntimeGone | Self::NoThread | Self::Internal(_) => false,
        }
    }

    /// Returns the time until it is worth to try again, if that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => Some(*retry_after),
            _ => None,
        }
    }
}

/// A difference that was not written: tokens that should have been given back may be lost, and
/// use beyond the estimate may be uncounted.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The bucket does not exist any more: it was deleted, or had been full and unused for long.
    #[error("the bucket is gone")]
    Gone,
    /// The write failed, or its answer was lost.
    #[error("the settlement was not written: {0}")]
    Store(StoreError),
    /// The runtime ended before it was written.
    #[error("the settlement was not written: the runtime was shut down")]
    ShutDown,
}

/// A namespace that is not as the call needs it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NamespaceError {
    /// There is none with that name or id.
    #[error("there is no namespace {0}")]
    NotFound(String),
    /// Its status does not allow the call.
    #[error("the namespace {id} is {status}")]
    Status {
        /// Its id.
        id: String,
        /// Its status.
        status: NamespaceStatus,
    },
    /// Another namespace has its name by now.
    #[error("the name of namespace {0} is taken by another one")]
    NameTaken(String),
}

/// An entity that is not as the call needs it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntityError {
    /// It was created before.
    #[error("the entity {0} exists")]
    Exists(EntityId),
}

/// An argument that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// A name is not one.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A limit is none.
    #[error(transparent)]
    Limit(#[from] InvalidLimit),
    /// A key that no mapping makes a name.
    #[error(transparent)]
    Key(#[from] UnusableKey),
    /// The limits cannot stand together.
    #[error(transparent)]
    Limits(#[from] InvalidLimits),
    /// An acquire was given no limits, and none are stored for the entity, or for its parent.
    #[error("no limits were given, and none are stored")]
    NoLimits,
    /// A cost or an adjustment names a limit that is not among those acquired.
    #[error("there is no limit {0} here")]
    UnknownLimit(String),
    /// The request has acquired its lease before: more can be asked of that one.
    #[error("the request has its lease already")]
    LeaseHeld,
    /// The lease was committed or rolled back before, or the handler has not acquired it yet.
    #[error("the lease is closed")]
    LeaseClosed,
    /// Stored limits, or the limits of a bucket, mean something that this crate does not understand:
    /// a newer peer has written the attribute.
    #[error("the limits use {0}, which this version does not understand")]
    NotUnderstood(String),
    /// A refill period that is stored must be a whole number of seconds.
    #[error("the refill period of {0} cannot be stored: it is not a whole number of seconds")]
    PeriodNotStored(LimitName),
    /// The store has no namespaces: memory has none.
    #[error("the store has no namespaces")]
    NoNamespaces,
    /// The store keeps buckets only.
    #[error("the store keeps no limits and entities")]
    NoRecords,
    /// A share of the limits that is nothing, or more than all.
    #[error("a share must be more than nothing, and no more than the whole")]
    Share,
    /// A limiter over a store was built outside a tokio runtime, and none was given; or
    /// one in memory has to wait outside one.
    #[error("a limiter needs a tokio runtime: build it inside one, or give it a handle")]
    NoRuntime,
}

/// Why a stack could not be joined.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// The table does not exist, and is not to be created.
    #[error("there is no table {table}")]
    NotFound {
        /// The table's name.
        table: String,
    },
    /// The namespace is not registered, and is not to be.
    #[error("there is no namespace {namespace} in table {table}")]
    NamespaceNotFound {
        /// The table's name.
        table: String,
        /// The namespace's name.
        namespace: String,
    },
    /// The table's schema is not one that this crate reads.
    #[error("table {table} has schema {found}, this crate understands {supported}")]
    IncompatibleSchema {
        /// The table's name.
        table: String,
        /// The table's schema version.
        found: String,
        /// The schema version of this crate.
        supported: &'static str,
    },
    /// The table holds what only newer clients understand.
    #[error("table {table} asks for client version {required}, this crate understands what {equivalent} does")]
    ClientTooOld {
        /// The table's name.
        table: String,
        /// The oldest Python client that may use the table.
        required: String,
        /// The Python client that this crate counts as.
        equivalent: &'static str,
    },
    /// A version of the table is none.
    #[error("table {table}: {attribute} is {found:?}, which is no version; this crate understands {supported}")]
    InvalidVersion {
        /// The table's name.
        table: String,
        /// Which version of its version record.
        attribute: &'static str,
        /// What it says.
        found: String,
        /// The version of this crate to compare it with.
        supported: &'static str,
    },
    /// The environment names no region.
    #[error("no AWS region is known: set AWS_REGION, or give a region to the profile in ~/.aws/config")]
    NoRegion,
    /// Opening has a deadline, and the table did not answer in time.
    #[error("table {table} did not answer within {} s: {action}. Are endpoint and region right, and reachable?", deadline.as_secs_f64())]
    Deadline {
        /// The table's name.
        table: String,
        /// What was waited for.
        action: &'static str,
        /// The deadline.
        deadline: Duration,
    },
    /// The table is in a state in which nobody can use it: it is being made or deleted for too long, or it is archived.
    #[error("table {table} cannot be used: its status is {status}, after {} s", waited.as_secs())]
    NotReady {
        /// The table's name.
        table: String,
        /// Its status, as DynamoDB names it.
        status: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// There is a table of that name, but not one that this crate, or the Python library, has made.
    #[error("table {table} is not a table of ours: {problem}")]
    NotOurs {
        /// The table's name.
        table: String,
        /// What is different.
        problem: String,
    },
    /// A call failed.
    #[error("{action} failed: {error}")]
    Call {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        error: StoreError,
    },
}

impl StackError {
    /// What is wrong with the version of `table`.
    #[cfg(feature = "dynamodb")]
    pub(crate) fn incompatible(table: &str, problem: IncompatibleVersion) -> Self {
        let table = table.to_owned();
        match problem {
            IncompatibleVersion::Schema { found, supported } => Self::IncompatibleSchema { table, found, supported },
            IncompatibleVersion::ClientTooOld { required, equivalent } => {
                Self::ClientTooOld { table, required, equivalent }
            }
            IncompatibleVersion::NoVersion { attribute, found, supported } => {
                Self::InvalidVersion { table, attribute, found, supported }
            }
        }
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::Denied(Box::new(denied))
    }
}

impl From<QueueFull> for Error {
    fn from(error: QueueFull) -> Self {
        Self::QueueFull(Box::new(error))
    }
}

impl From<ExceedsCapacity> for Error {
    fn from(error: ExceedsCapacity) -> Self {
        Self::ExceedsCapacity(Box::new(error))
    }
}

impl From<Disabled> for Error {
    fn from(error: Disabled) -> Self {
        Self::Disabled(Box::new(error))
    }
}

impl From<InvalidName> for Error {
    fn from(error: InvalidName) -> Self {
        Self::Invalid(error.into())
    }
}

impl From<InvalidLimit> for Error {
    fn from(error: InvalidLimit) -> Self {
        Self::Invalid(error.into())
    }
}

impl From<InvalidLimits> for Error {
    fn from(error: InvalidLimits) -> Self {
        Self::Invalid(error.into())
    }
}

impl From<UnusableKey> for Error {
    fn from(error: UnusableKey) -> Self {
        Self::Invalid(error.into())
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
