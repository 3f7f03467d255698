//! `tollgate usage`: consumption in windows of time.

mod chart;
mod list;
mod nothing;
mod query;
mod report;
mod summary;
mod target;
mod what_if;

use clap::Subcommand;

use crate::{context::Context, failure::Failure};

/// The commands of `tollgate usage`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(list::List),
    Summary(summary::Summary),
    WhatIf(what_if::WhatIf),
    Report(report::Report),
}

impl Command {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self {
            Self::List(command) => command.run(context).await,
            Self::Summary(command) => command.run(context).await,
            Self::WhatIf(command) => command.run(context).await,
            Self::Report(command) => command.run(context).await,
        }
    }
}
