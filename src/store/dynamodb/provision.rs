//! What happens where the table is missing.

use std::{future::Future, pin::Pin};

use super::{stack::Stack, table};
use crate::error::StackError;

/// The future of [`Provision::provision`].
pub type ProvisionFuture<'a> = Pin<Box<dyn Future<Output = Result<(), StackError>> + Send + 'a>>;

/// Brings a missing stack into being. The version record and the namespace are written after it.
pub trait Provision: Send + Sync + 'static {
    /// Makes the stack's table exist and be active. Others may do the same at the same time.
    fn provision<'a>(&'a self, stack: &'a Stack) -> ProvisionFuture<'a>;

    /// Returns `true` if a namespace that is not registered yet is to be. Default: yes.
    fn registers_namespaces(&self) -> bool {
        true
    }
}

/// Creates the table: on demand, stream and time-to-live switched on.
#[derive(Clone, Copy, Debug, Default)]
pub struct CreateTable {
    reference_projection: bool,
    without_stream: bool,
}

impl CreateTable {
    /// The default table: its second index has keys only, so that an acquire costs one write unit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Projects whole items into the second index, as the Python client's capacity queries need.
    /// Every acquire costs two write units then.
    #[must_use]
    pub fn with_reference_projection(mut self) -> Self {
        self.reference_projection = true;
        self
    }

    /// Leaves the stream out: for tables that nothing aggregates.
    #[must_use]
    pub fn without_stream(mut self) -> Self {
        self.without_stream = true;
        self
    }

    pub(super) fn projects_items(self) -> bool {
        self.reference_projection
    }

    pub(super) fn has_stream(self) -> bool {
        !self.without_stream
    }
}

impl Provision for CreateTable {
    fn provision<'a>(&'a self, stack: &'a Stack) -> ProvisionFuture<'a> {
        Box::pin(table::create(stack, *self))
    }
}

/// Creates nothing: a missing table or namespace is an error.
#[derive(Clone, Copy, Debug, Default)]
pub struct JoinOnly;

impl Provision for JoinOnly {
    fn provision<'a>(&'a self, stack: &'a Stack) -> ProvisionFuture<'a> {
        let table = stack.table().to_owned();
        Box::pin(std::future::ready(Err(StackError::NotFound { table })))
    }

    fn registers_namespaces(&self) -> bool {
        false
    }
}
