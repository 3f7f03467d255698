//! The commands: one file for each.

mod aggregate;
mod audit;
mod bucket;
mod check;
mod completions;
mod entity;
mod flags;
mod man;
mod names;
mod namespace;
mod resource;
mod status;
mod stored_limits;
mod system;
mod usage;
mod version;
mod versions;

use clap::Subcommand;

use crate::{context::Context, failure::Failure, reference};

/// Every command. Those of the first kind need no AWS.
#[derive(Debug, Subcommand)]
#[command(subcommand_required = true)]
pub(crate) enum Command {
    #[command(flatten)]
    Online(Online),
    #[command(flatten)]
    Offline(Offline),
}

/// The commands that ask AWS.
#[derive(Debug, Subcommand)]
pub(crate) enum Online {
    /// Entities, and limits of their own
    #[command(subcommand)]
    Entity(entity::Command),
    /// Limits of a resource, for all entities
    #[command(subcommand)]
    Resource(resource::Command),
    /// Limits of all resources, for all entities
    #[command(subcommand)]
    System(system::Command),
    /// Namespaces: tenants in one table
    #[command(subcommand)]
    Namespace(namespace::Command),
    /// The history of changes
    #[command(subcommand)]
    Audit(audit::Command),
    /// Buckets: their levels, and what they would tell a request
    #[command(subcommand)]
    Bucket(bucket::Command),
    /// Consumption in windows of time
    #[command(subcommand)]
    Usage(usage::Command),
    Aggregate(aggregate::Aggregate),
    Status(status::Status),
    Version(version::Version),
    Check(check::Check),
}

impl Online {
    /// Returns true if the command ends itself when the user interrupts it.
    pub(crate) fn ends_itself(&self) -> bool {
        matches!(self, Self::Aggregate(_))
    }

    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::Entity(command) => command.run(context).await,
            Self::Resource(command) => command.run(context).await,
            Self::System(command) => command.run(context).await,
            Self::Namespace(command) => command.run(context).await,
            Self::Audit(command) => command.run(context).await,
            Self::Bucket(command) => command.run(context).await,
            Self::Usage(command) => command.run(context).await,
            Self::Aggregate(command) => command.run(context).await,
            Self::Status(command) => command.run(context).await,
            Self::Version(command) => command.run(context).await,
            Self::Check(command) => command.run(context).await,
        }
    }
}

/// The commands that ask nobody.
#[derive(Debug, Subcommand)]
pub(crate) enum Offline {
    Completions(completions::Completions),
    Man(man::Man),
    /// Prints the page docs/cli.md
    #[command(hide = true)]
    Reference,
}

impl Offline {
    /// Runs a command that describes `program`.
    pub(crate) fn run(self, context: &mut Context, program: clap::Command) -> Result<(), Failure> {
        match self {
            Self::Completions(command) => command.run(program),
            Self::Man(command) => command.run(context, program),
            Self::Reference => reference::print(program),
        }
    }
}
