//! Creates a missing table.

use std::{future::Future, pin::Pin};

use super::{stack::Stack, table};
use crate::error::StackError;

/// The future of [`Provision::provision`].
pub type ProvisionFuture<'a> = Pin<Box<dyn Future<Output = Result<(), StackError>> + Send + 'a>>;

/// Creates a missing stack. The version record and the namespace are written afterwards.
pub trait Provision: Send + Sync + 'static {
    /// Ensures that the stack's table exists and is active. Other processes may do the same at the
    /// same time.
    fn provision<'a>(&'a self, stack: &'a Stack) -> ProvisionFuture<'a>;

    /// Prepares a stack that exists, before it is used: its functions may be too old. Default: does
    /// nothing.
    fn update<'a>(&'a self, stack: &'a Stack) -> ProvisionFuture<'a> {
        let _ = stack;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Returns `true` if a namespace that is not registered yet shall be registered. Default:
    /// `true`.
    fn registers_namespaces(&self) -> bool {
        true
    }
}

/// Creates the table: billed on demand, with a stream and time to live.
#[derive(Clone, Copy, Debug, Default)]
pub struct CreateTable {
    reference_projection: bool,
    without_stream: bool,
    deletion_protection: bool,
    point_in_time_recovery: bool,
    throughput: Option<(i64, i64)>,
}

impl CreateTable {
    /// Returns the default options: the second index has keys only, so that an acquire costs one
    /// write unit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Projects whole items into the second index, which the Python client's capacity queries need.
    /// Then every acquire costs two write units.
    #[must_use]
    pub fn with_reference_projection(mut self) -> Self {
        self.reference_projection = true;
        self
    }

    /// Creates the table without a stream, for tables whose usage is not aggregated.
    #[must_use]
    pub fn without_stream(mut self) -> Self {
        self.without_stream = true;
        self
    }

    /// Protects the table: it cannot be deleted before somebody takes the protection off.
    #[must_use]
    pub fn with_deletion_protection(mut self) -> Self {
        self.deletion_protection = true;
        self
    }

    /// Switches point-in-time recovery on: the table can be restored as it was at any second of
    /// the last 35 days. AWS charges for it by the size of the table. The credentials need
    /// `dynamodb:UpdateContinuousBackups`.
    #[must_use]
    pub fn with_point_in_time_recovery(mut self) -> Self {
        self.point_in_time_recovery = true;
        self
    }

    /// Provisions read and write units, for the table and for each of its indexes, instead of
    /// paying for each request. Requests above them are throttled.
    #[must_use]
    pub fn with_provisioned_throughput(mut self, read_units: u32, write_units: u32) -> Self {
        self.throughput = Some((read_units.into(), write_units.into()));
        self
    }

    fn design(self) -> table::Design {
        table::Design {
            projects_items: self.reference_projection,
            has_stream: !self.without_stream,
            is_protected: self.deletion_protection,
            is_recoverable: self.point_in_time_recovery,
            throughput: self.throughput,
        }
    }
}

impl Provision for CreateTable {
    fn provision<'a>(&'a self, stack: &'a Stack) -> ProvisionFuture<'a> {
        Box::pin(table::create(stack, self.design()))
    }
}

/// Creates nothing: a missing table or namespace is an error.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct JoinOnly;

impl JoinOnly {
    /// Creates a provision that creates nothing.
    pub const fn new() -> Self {
        Self
    }
}

impl Provision for JoinOnly {
    fn provision<'a>(&'a self, stack: &'a Stack) -> ProvisionFuture<'a> {
        let table = stack.table().to_owned();
        Box::pin(std::future::ready(Err(StackError::NotFound { table })))
    }

    fn registers_namespaces(&self) -> bool {
        false
    }
}
