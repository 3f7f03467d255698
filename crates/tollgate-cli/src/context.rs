//! Everything that a command needs to run.

use tollgate::{RateLimiter, model::NamespaceName};

use crate::{
    connect::{self, Unopened},
    failure::Failure,
    options::Options,
    output::Output,
};

/// The options and the output of a command.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) options: Options,
    pub(crate) out: Output,
    /// True if the command goes on until it is interrupted.
    pub(crate) watches: bool,
}

impl Context {
    pub(crate) fn new(options: Options) -> Self {
        let out = Output::new(options.output);
        Self {
            options,
            out,
            watches: false,
        }
    }

    /// Opens the namespace. Creates nothing. One round trip.
    pub(crate) async fn open(&self) -> Result<RateLimiter, Failure> {
        let namespace = self.options.namespace()?;
        self.open_namespace(&namespace).await
    }

    /// Opens a namespace, whatever the options name. Creates nothing. One round trip.
    pub(crate) async fn open_namespace(
        &self,
        namespace: &NamespaceName,
    ) -> Result<RateLimiter, Failure> {
        self.with_profile(connect::namespace(&self.options, namespace).await)
    }

    /// Opens the stack for its namespaces alone. Four round trips.
    pub(crate) async fn open_registry(&self) -> Result<RateLimiter, Failure> {
        self.with_profile(connect::registry(&self.options).await)
    }

    /// Opens the stack for its status alone, whatever its version is. One round trip.
    pub(crate) async fn open_stack(&self) -> Result<RateLimiter, Failure> {
        self.with_profile(connect::stack(&self.options).await)
    }

    /// Loads the configuration for the stack, and asks nothing.
    pub(crate) async fn unopened(&self) -> Result<Unopened, Failure> {
        connect::unopened(&self.options).await
    }

    /// Names the profile in a failure of AWS, because its credentials may be the reason.
    fn with_profile(&self, opened: Result<RateLimiter, Failure>) -> Result<RateLimiter, Failure> {
        let profile = self.options.profile.as_ref();
        let hint =
            profile.map(|profile| format!("the credentials are those of the profile {profile:?}"));
        opened.map_err(|failure| failure.with_hint(hint))
    }
}
