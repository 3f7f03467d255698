//! The plan of a command.

use clap::Args;
use tollgate_ops::limits::{self, Plan, PlanOptions, Target};

use super::{
    file::FileOptions,
    open::{failure, open},
};
use crate::{context::Context, failure::Failure};

/// The file, and what of it is written.
#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    #[command(flatten)]
    file: FileOptions,
    /// Print the last line only
    #[arg(long, short = 'q')]
    pub(super) quiet: bool,
    /// Also delete what is stored and no file has declared
    #[arg(long)]
    prune: bool,
    /// Write everything, and all buckets, also what is as declared
    #[arg(long)]
    full: bool,
}

impl PlanArguments {
    /// Compares the file with the table.
    pub(super) async fn plan(&self, context: &Context) -> Result<(Target, Plan), Failure> {
        let options = PlanOptions::default();
        let options = options.with_prune(self.prune).with_full(self.full);
        plan(&self.file, options, context).await
    }
}

/// Reads a file, opens its namespace, and compares both.
pub(super) async fn plan(
    file: &FileOptions,
    options: PlanOptions,
    context: &Context,
) -> Result<(Target, Plan), Failure> {
    let manifest = file.read(context)?;
    let target = open(context, manifest.namespace()).await?;
    let plan = limits::plan(&target, &manifest, options).await;
    Ok((target, plan.map_err(failure)?))
}
