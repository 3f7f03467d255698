//! The error types.

pub(crate) mod code;
mod fan_out;
pub(crate) mod store_error;

use std::{convert::Infallible, sync::Arc, time::Duration};

use crate::model::{
    Denied, DisabledLevel, EntityId, InvalidLimit, InvalidLimits, InvalidName, LimitName,
    NamespaceId, NamespaceStatus, OperationKind, Owner, Resource, UnusableKey,
};

pub use fan_out::FanOutIncomplete;
use store_error::{StoreError, StoreErrorKind};

#[cfg(feature = "dynamodb")]
use crate::model::IncompatibleVersion;

/// The error of an acquire, of a lease, and of opening a limiter.
///
/// The text of each error is one line and complete. The text does not repeat a
/// [`source`](std::error::Error::source), because no error has one.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A bucket is short. Nothing stays charged.
    #[error(transparent)]
    Denied(Box<Denied>),
    /// Too many requests wait for the bucket already. Nothing was charged.
    #[error(transparent)]
    QueueFull(Box<QueueFull>),
    /// The cost is above a capacity, so waiting does not help. Nothing was charged.
    #[error(transparent)]
    ExceedsCapacity(Box<ExceedsCapacity>),
    /// The resource is disabled for the entity, so neither waiting nor a smaller cost helps.
    /// Nothing was charged.
    #[error(transparent)]
    Disabled(Box<Disabled>),
    /// No decision could be made. A charge of a lost write may stay, but nothing more.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// An argument is wrong. Nothing was charged.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A change was stored, but did not reach all buckets. The same call finishes it.
    #[error(transparent)]
    FanOut(Box<FanOutIncomplete>),
    /// A lease was not settled.
    #[error(transparent)]
    Settle(#[from] SettleError),
    /// An entity is not in the state that the call needs.
    #[error(transparent)]
    Entity(#[from] EntityError),
    /// A namespace is not in the state that the call needs.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// The stack could not be joined or provisioned.
    #[error(transparent)]
    Stack(#[from] StackError),
}

/// The category of an error, for callers that handle all errors of one category alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCategory {
    /// The limits deny the request.
    RateLimit,
    /// The resource is disabled for the entity.
    Disabled,
    /// The store gives no answer.
    Unavailable,
    /// An entity is missing, or exists already.
    Entity,
    /// An argument is wrong.
    Validation,
    /// The stack is missing, or could not be provisioned.
    Infrastructure,
    /// The table has a version that this crate does not support.
    Version,
}

impl Error {
    /// Returns the category of the error.
    pub fn category(&self) -> ErrorCategory {
        match self {
            Self::Denied(_) | Self::QueueFull(_) | Self::ExceedsCapacity(_) => {
                ErrorCategory::RateLimit
            }
            Self::Disabled(_) => ErrorCategory::Disabled,
            Self::Unavailable(Unavailable::Store(error))
                if error.kind() == StoreErrorKind::NotOurs =>
            {
                ErrorCategory::Infrastructure
            }
            Self::FanOut(incomplete) => incomplete.error.category(),
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

    /// Returns the denial, if the error is [`Denied`](Self::Denied) or
    /// [`QueueFull`](Self::QueueFull).
    pub fn denied(&self) -> Option<&Denied> {
        match self {
            Self::Denied(denied) => Some(denied),
            Self::QueueFull(full) => Some(&full.denied),
            _ => None,
        }
    }
}

/// A request that would have to wait behind too many others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{waiters} requests are already waiting: {denied}")]
#[non_exhaustive]
pub struct QueueFull {
    /// The number of requests that wait.
    pub waiters: usize,
    /// The denial, with the exact time until the request would be granted after all requests that
    /// wait.
    pub denied: Denied,
}

impl QueueFull {
    pub(crate) fn new(waiters: usize, denied: Denied) -> Self {
        Self { waiters, denied }
    }
}

/// A cost above the capacity of a limit, which no wait makes possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{requested} tokens of {limit} were requested for {resource}, but its capacity is {capacity}"
)]
#[non_exhaustive]
pub struct ExceedsCapacity {
    /// The entity of the request.
    pub entity: EntityId,
    /// The resource of the limit's bucket.
    pub resource: Resource,
    /// The same resource, if the request has [added](crate::limiter::Acquire::also) it. `None` for
    /// the request's own one.
    pub added: Option<Resource>,
    /// The owner of the limit's bucket.
    pub owner: Owner,
    /// The limit whose capacity the cost exceeds.
    pub limit: LimitName,
    /// The tokens that were requested.
    pub requested: u64,
    /// The capacity of the limit in tokens.
    pub capacity: u64,
}

/// A resource that is disabled for an entity: by its stored config, or by an attribute of the
/// bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{resource} is disabled for {entity}")]
#[non_exhaustive]
pub struct Disabled {
    /// The entity whose bucket is disabled: that of the request, or its parent.
    pub entity: EntityId,
    /// The resource that is disabled.
    pub resource: Resource,
    /// The level that disables it.
    pub level: DisabledLevel,
}

impl Disabled {
    pub(crate) fn new(entity: EntityId, resource: Resource, level: DisabledLevel) -> Self {
        Self {
            entity,
            resource,
            level,
        }
    }
}

/// The reason why there was no decision.
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
    #[error("the store keeps failing, so it is not asked for now")]
    BreakerOpen,
    /// Other writes of the bucket came first at every try.
    #[error("too many concurrent writes to the bucket")]
    Contended,
    /// The store throttles writes of the bucket, and the next one would come too late for this
    /// request.
    #[error("the store throttles the bucket: try again in {} ms", retry_after.as_millis())]
    Throttled {
        /// The time until the next write of the bucket.
        retry_after: Duration,
    },
    /// The limiter's namespace is not registered in the table any more: the table was deleted and
    /// created anew. To go on would grant every limit a second time, so open a new limiter.
    #[error("the namespace is no longer registered in the table: open a new limiter")]
    Unregistered,
    /// The limiter was [shut down](crate::RateLimiter::shutdown).
    #[error("the limiter was shut down")]
    ShutDown,
    /// The task that should have answered was dropped with the runtime that the limiter was built
    /// in. Build or open the limiter in a runtime that lives as long as the limiter, or set such a
    /// runtime with [`RateLimiterBuilder::runtime`](crate::limiter::RateLimiterBuilder::runtime).
    /// The other possible cause is that the store has panicked.
    #[error("the runtime that the limiter was built in is gone, or its store has panicked")]
    RuntimeGone,
    /// The operating system could not start a thread to run a limiter on.
    #[error("could not start a thread for the limiter")]
    NoThread,
    /// The limiter has reached a state that should be impossible. Nothing was granted.
    #[error("internal error of the limiter: {0}")]
    Internal(&'static str),
}

impl Unavailable {
    /// Returns `true` if the store is down or busy, so that the same request may be decided later.
    /// Returns `false` if the failure lasts until its cause is repaired: the store refuses the call
    /// permanently, the table is missing or was replaced, the limiter was shut down; and if clients
    /// have filled a memory store. Modes that let requests pass or decide locally apply only to
    /// outages.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Deadline | Self::BreakerOpen | Self::Contended | Self::Throttled { .. } => true,
            Self::Store(error) => error.kind().is_outage(),
            Self::Unregistered
            | Self::ShutDown
            | Self::RuntimeGone
            | Self::NoThread
            | Self::Internal(_) => false,
        }
    }

    /// Returns the time after which a retry makes sense, if it is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => Some(*retry_after),
            _ => None,
        }
    }
}

/// A difference that was not written: tokens to give back may be lost, and use beyond the estimate
/// may not be counted.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The bucket does not exist any more: it was deleted, or it had been full and unused for a
    /// long time.
    #[error("the bucket no longer exists")]
    Gone,
    /// The write failed, or its answer was lost.
    #[error("the settlement was not written: {0}")]
    Store(StoreError),
    /// The runtime ended before the difference was written.
    #[error("the settlement was not written: the runtime was shut down")]
    ShutDown,
}

/// A namespace that is not in the state that the call needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NamespaceError {
    /// There is no namespace with that name or id.
    #[error("there is no namespace {0}")]
    NotFound(String),
    /// The status of the namespace does not allow the call.
    #[error("the namespace {id} is {status}")]
    Status {
        /// The id of the namespace.
        id: NamespaceId,
        /// The status of the namespace.
        status: NamespaceStatus,
    },
    /// Another namespace has taken its name.
    #[error("the name of namespace {0} is already taken")]
    NameTaken(String),
}

/// An entity that is not in the state that the call needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntityError {
    /// The entity exists already.
    #[error("the entity {0} already exists")]
    Exists(EntityId),
    /// The entity was not created.
    #[error("there is no entity {0}")]
    NotFound(EntityId),
    /// The entity is the new parent, or one of its ancestors.
    #[error("{entity} cannot get the parent {parent}, because that is {entity} or below it")]
    Cycle {
        /// The entity.
        entity: EntityId,
        /// The parent that it cannot get.
        parent: EntityId,
    },
    /// The new parent has more than 32 ancestors.
    #[error("{0} has more than 32 ancestors")]
    TooDeep(EntityId),
    /// The entity has its new parent, but some of its buckets still name the old one. Clients of
    /// these buckets may charge the old parent. Repeat the call to finish it.
    #[error(
        "{entity} has its new parent, but only {buckets} of its buckets name it: repeat the call: \
         {problem}"
    )]
    MoveIncomplete {
        /// The entity.
        entity: EntityId,
        /// The number of buckets that were written.
        buckets: u64,
        /// The error that has stopped the call.
        problem: String,
    },
}

/// An argument that is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// A name is invalid.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A limit is invalid.
    #[error(transparent)]
    Limit(#[from] InvalidLimit),
    /// No mapping can turn the key into a name.
    #[error(transparent)]
    Key(#[from] UnusableKey),
    /// The limits cannot be combined.
    #[error(transparent)]
    Limits(#[from] InvalidLimits),
    /// An acquire was given no limits, and none are stored for the entity, or for its parent.
    #[error("no limits were given, and none are stored")]
    NoLimits,
    /// A cost, an adjustment, a reset or a top-up names a limit that is not there.
    #[error("unknown limit {0}")]
    UnknownLimit(String),
    /// A resource was named that the request does not charge.
    #[error("unknown resource {0}")]
    UnknownResource(String),
    /// A request names the same resource twice.
    #[error("the resource {0} is charged twice")]
    ResourceRepeated(Resource),
    /// A request charges more resources than an acquire can charge:
    /// [`Acquire::MAX_RESOURCES`](crate::limiter::Acquire::MAX_RESOURCES).
    #[error("an acquire can charge at most {most} resources")]
    TooManyResources {
        /// The number of resources that an acquire can charge.
        most: usize,
    },
    /// The request has acquired its lease before. More tokens can be asked of that lease.
    #[error("the request already holds a lease")]
    LeaseHeld,
    /// The lease was committed or rolled back before, or the handler has not acquired it yet.
    #[error("the lease is closed")]
    LeaseClosed,
    /// The stored limits, or the limits of a bucket, use an attribute of a newer Python client
    /// that this crate does not understand.
    #[error("the limits use {0}, which this version does not understand")]
    NotUnderstood(String),
    /// An idempotency key of an operation on a bucket is invalid.
    #[error("an idempotency key has 1 to 64 letters, digits, '.', '_', ':' or '-', unlike {0:?}")]
    IdempotencyKey(String),
    /// The idempotency key was used for an operation of another kind on the same bucket, less than
    /// three days ago. Nothing was changed.
    #[error("the idempotency key {key} was used for a {kind} of the same bucket")]
    KeyUsed {
        /// The key.
        key: String,
        /// The kind of the operation that has used it.
        kind: OperationKind,
    },
    /// A top-up adds from 1 to 10^15 tokens to each limit that it names, and names at least one.
    #[error("a top-up adds from 1 to 10^15 tokens to at least one limit")]
    TopUp,
    /// The limit is stored, but the bucket does not have it yet. Acquire once, then repeat the
    /// call.
    #[error("the bucket does not have the limit {0} yet: acquire once, then repeat the call")]
    NotInBucket(LimitName),
    /// The refill period of a stored limit must be a whole number of seconds.
    #[error("the refill period of {0} cannot be stored: it is not a whole number of seconds")]
    PeriodNotStored(LimitName),
    /// The store has no namespaces. Memory stores have none.
    #[error("the store has no namespaces")]
    NoNamespaces,
    /// The system's config was given an access or a cascade rule. It can have none.
    #[error("the system's config has neither an access nor a cascade rule")]
    NoFlags,
    /// A call changes the configs of at most
    /// [`ConfigChange::MOST`](crate::model::ConfigChange::MOST) scopes, each once.
    #[error(
        "a call changes at most {} configs, each once: divide the changes",
        crate::model::ConfigChange::MOST
    )]
    Changes,
    /// The store keeps only buckets.
    #[error("the store does not keep limits or entities")]
    NoRecords,
    /// The text is no cursor of this listing.
    #[error("the cursor does not belong to this listing")]
    Cursor,
    /// A share of the limits that is zero, or more than the whole.
    #[error("a share must be more than zero and at most the whole")]
    Share,
    /// A setting of a limiter has a value with which the limiter could not work.
    #[error("the setting {setting} must be {must_be}")]
    Setting {
        /// The method of [`RateLimiterBuilder`](crate::limiter::RateLimiterBuilder) that sets it, or
        /// the environment variable.
        setting: &'static str,
        /// The values that are valid.
        must_be: &'static str,
    },
    /// A limiter over a store was built outside a tokio runtime and without a handle of one, or a
    /// request in memory would have to wait and its runtime has no timers (`enable_time`).
    #[error(
        "a limiter needs a tokio runtime with timers: build it inside one, or give it a handle"
    )]
    NoRuntime,
}

/// The reason why a stack could not be joined.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// The table does not exist, and the provision does not create it.
    #[error("there is no table {table}")]
    NotFound {
        /// The table's name.
        table: String,
    },
    /// The namespace is not registered, and the provision does not register it.
    #[error("there is no namespace {namespace} in table {table}")]
    NamespaceNotFound {
        /// The table's name.
        table: String,
        /// The namespace's name.
        namespace: String,
    },
    /// This crate does not support the table's schema.
    #[error("table {table} has schema {found}, but this crate supports {supported}")]
    IncompatibleSchema {
        /// The table's name.
        table: String,
        /// The table's schema version.
        found: String,
        /// The schema version of this crate.
        supported: &'static str,
    },
    /// The table contains data that only newer clients understand.
    #[error(
        "table {table} requires client version {required}; this crate is equivalent to {equivalent}"
    )]
    ClientTooOld {
        /// The table's name.
        table: String,
        /// The oldest Python client that may use the table.
        required: String,
        /// The version of the Python client that this crate is equivalent to.
        equivalent: &'static str,
    },
    /// A version of the table is invalid.
    #[error(
        "table {table}: {attribute} is {found:?}, which is not a valid version; this crate supports {supported}"
    )]
    InvalidVersion {
        /// The table's name.
        table: String,
        /// The attribute of the version record.
        attribute: &'static str,
        /// The value of the attribute.
        found: String,
        /// The version that this crate supports.
        supported: &'static str,
    },
    /// The environment sets no region.
    #[error(
        "no AWS region is known: set AWS_REGION, or give a region to the profile in ~/.aws/config"
    )]
    NoRegion,
    /// The table did not answer within the deadline of opening.
    #[error("table {table} did not answer within {} s ({action}): check that the endpoint and the region are right and reachable", deadline.as_secs_f64())]
    Deadline {
        /// The table's name.
        table: String,
        /// The step that was waited for.
        action: &'static str,
        /// The deadline.
        deadline: Duration,
    },
    /// The table is in a status that does not allow its use: it was being created or deleted for
    /// too long, or it is archived.
    #[error("table {table} cannot be used: its status is {status}, after {} s", waited.as_secs())]
    NotReady {
        /// The table's name.
        table: String,
        /// The status of the table, as DynamoDB names it.
        status: String,
        /// The time that was waited.
        waited: Duration,
    },
    /// There is a table of that name, but neither this crate nor the Python library has created it.
    #[error("table {table} was not created by tollgate or zae-limiter: {problem}")]
    NotOurs {
        /// The table's name.
        table: String,
        /// The difference to a table of this crate.
        problem: String,
    },
    /// A call failed.
    #[error("{action} failed: {error}")]
    Call {
        /// The action that was tried.
        action: &'static str,
        /// The error of the store.
        error: StoreError,
    },
    /// A [`Provision`](crate::store::dynamodb::Provision) of another crate failed.
    #[error("{action} {table} failed: {error}")]
    Provision {
        /// The table's name.
        table: String,
        /// The action that was tried.
        action: &'static str,
        /// The error of the other crate.
        #[source]
        error: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl StackError {
    /// Returns the error for a version of `table` that this crate does not support.
    #[cfg(feature = "dynamodb")]
    pub(crate) fn incompatible(table: &str, problem: IncompatibleVersion) -> Self {
        let table = table.to_owned();
        match problem {
            IncompatibleVersion::Schema { found, supported } => Self::IncompatibleSchema {
                table,
                found,
                supported,
            },
            IncompatibleVersion::ClientTooOld {
                required,
                equivalent,
            } => Self::ClientTooOld {
                table,
                required,
                equivalent,
            },
            IncompatibleVersion::NoVersion {
                attribute,
                found,
                supported,
            } => Self::InvalidVersion {
                table,
                attribute,
                found,
                supported,
            },
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
