//! The commands: one file for each.

#[cfg(not(all(feature = "loadtest", feature = "local")))]
mod absent;
mod adopt;
mod aggregate;
mod audit;
mod bucket;
mod cfn_template;
mod check;
mod checks;
mod completions;
mod delete;
mod deploy;
mod doctor;
mod entity;
mod flags;
mod function_stream;
mod iam;
mod lambda_export;
mod limits;
mod list;
mod listing;
#[cfg(feature = "loadtest")]
mod loadtest;
#[cfg(feature = "local")]
mod local;
mod logs;
mod man;
mod names;
mod namespace;
mod new_limits;
mod operations;
mod resource;
mod selection;
mod stack_part;
mod status;
mod stored_limits;
mod system;
mod table;
mod tokens;
mod top;
mod upgrade;
mod usage;
mod version;
mod versions;

use clap::Subcommand;

#[cfg(not(feature = "loadtest"))]
use self::absent::loadtest;
#[cfg(not(feature = "local"))]
use self::absent::local;
use crate::{context::Context, failure::Failure, reference, repeat};

/// Every command.
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
    /// Limits as code: a file of limits, and the table
    #[command(subcommand)]
    Limits(limits::Command),
    /// The table itself
    #[command(subcommand)]
    Table(table::Command),
    Aggregate(aggregate::Aggregate),
    /// Load tests of the table, or of a URL behind a rate limit
    #[command(subcommand)]
    Loadtest(loadtest::Command),
    Deploy(Box<deploy::Deploy>),
    Adopt(adopt::Adopt),
    Upgrade(upgrade::Upgrade),
    Delete(delete::Delete),
    List(list::List),
    Status(status::Status),
    Version(version::Version),
    Check(check::Check),
    Doctor(doctor::Doctor),
    Top(top::Top),
    Logs(logs::Logs),
}

impl Online {
    /// Returns true if the command reads, and ends after it has printed what it read.
    pub(crate) fn only_reads(&self) -> bool {
        match self {
            Self::Entity(command) => command.only_reads(),
            Self::Resource(command) => command.only_reads(),
            Self::System(command) => command.only_reads(),
            Self::Namespace(command) => command.only_reads(),
            Self::Bucket(command) => command.only_reads(),
            Self::Limits(command) => command.only_reads(),
            Self::Audit(_) | Self::Usage(_) => true,
            Self::Status(_) | Self::Version(_) | Self::Check(_) | Self::List(_) => true,
            Self::Deploy(_) | Self::Adopt(_) | Self::Upgrade(_) | Self::Delete(_) => false,
            // `top` and `logs` go on by themselves.
            Self::Table(_) | Self::Aggregate(_) | Self::Loadtest(_) => false,
            Self::Doctor(_) | Self::Top(_) | Self::Logs(_) => false,
        }
    }

    /// Returns true if the command ends itself when the user interrupts it.
    pub(crate) fn ends_itself(&self) -> bool {
        matches!(self, Self::Aggregate(_))
    }

    /// Returns the number of threads that the command wants, unless one is enough. Such a command
    /// ends itself too.
    pub(crate) fn threads(&self) -> Option<usize> {
        match self {
            Self::Loadtest(command) => Some(command.threads()),
            _ => None,
        }
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
            Self::Limits(command) => command.run(context).await,
            Self::Table(command) => command.run(context).await,
            Self::Aggregate(command) => command.run(context).await,
            Self::Loadtest(command) => command.run(context).await,
            Self::Deploy(command) => command.run(context).await,
            Self::Adopt(command) => command.run(context).await,
            Self::Upgrade(command) => command.run(context).await,
            Self::Delete(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Status(command) => command.run(context).await,
            Self::Version(command) => command.run(context).await,
            Self::Check(command) => command.run(context).await,
            Self::Doctor(command) => command.run(context).await,
            Self::Top(command) => command.run(context).await,
            Self::Logs(command) => command.run(context).await,
        }
    }
}

/// The commands that do not ask AWS.
#[derive(Debug, Subcommand)]
pub(crate) enum Offline {
    Completions(completions::Completions),
    Man(man::Man),
    LambdaExport(lambda_export::LambdaExport),
    /// A table on this machine, for development and tests
    #[command(subcommand)]
    Local(local::Command),
    CfnTemplate(cfn_template::CfnTemplate),
    /// IAM policies for a stack's table
    #[command(subcommand)]
    Iam(iam::Command),
    /// Prints the page docs/cli.md
    #[command(hide = true)]
    Reference,
}

impl Offline {
    /// Runs a command. Some describe `program`.
    pub(crate) fn run(self, context: &mut Context, program: clap::Command) -> Result<(), Failure> {
        if context.options.watch.is_some() && !self.repeats() {
            return Err(repeat::refusal());
        }
        match self {
            Self::Local(command) => command.run(context),
            Self::CfnTemplate(command) => command.run(context),
            Self::Iam(command) => command.run(context),
            Self::Completions(command) => command.run(program),
            Self::Man(command) => command.run(context, program),
            Self::LambdaExport(command) => command.run(context),
            Self::Reference => reference::print(program),
        }
    }

    /// Returns true if the command repeats itself with `--watch`.
    fn repeats(&self) -> bool {
        matches!(self, Self::Local(command) if command.repeats())
    }
}
