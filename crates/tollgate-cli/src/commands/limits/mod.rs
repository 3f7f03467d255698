//! `tollgate limits`: limits as code.

mod apply;
mod cfn_template;
mod diff;
mod export;
mod file;
mod open;
mod plan;
mod planned;
mod print;

use clap::Subcommand;

use crate::{context::Context, failure::Failure};

/// The commands of `tollgate limits`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Plan(plan::PlanLimits),
    Apply(apply::ApplyLimits),
    Diff(diff::DiffLimits),
    Export(export::ExportLimits),
    CfnTemplate(cfn_template::LimitsCfnTemplate),
}

impl Command {
    /// Returns true if the command reads, and can be repeated.
    pub(super) fn only_reads(&self) -> bool {
        matches!(self, Self::Plan(_) | Self::Diff(_))
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::Plan(command) => command.run(context).await,
            Self::Apply(command) => command.run(context).await,
            Self::Diff(command) => command.run(context).await,
            Self::Export(command) => command.run(context).await,
            Self::CfnTemplate(command) => command.run(context),
        }
    }
}
