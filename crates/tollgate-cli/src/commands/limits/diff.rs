//! `tollgate limits diff`

use clap::Args;
use tollgate_ops::limits::PlanOptions;

use super::{file::FileOptions, planned::plan, print};
use crate::{context::Context, failure::Failure};

/// Compares the table with a file: exit code 5 if they differ
///
/// Reads only. Buckets that an earlier apply did not come to count as a difference. Configs that no
/// file has declared do not count.
#[derive(Debug, Args)]
pub(crate) struct DiffLimits {
    #[command(flatten)]
    file: FileOptions,
    /// Print the last line only
    #[arg(long, short = 'q')]
    quiet: bool,
}

impl DiffLimits {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let (_, plan) = plan(&self.file, PlanOptions::default(), context).await?;
        let out = &mut context.out;
        let is_same = plan.changes.is_empty() && plan.owed.is_empty();
        let count = print::count(plan.changes.len(), "difference", "differences");
        out.line(match print::owed_count(&plan.owed) {
            _ if is_same => format!(
                "No drift detected. Live state matches {}.",
                self.file.name()
            ),
            None => format!("Drift detected: {count}"),
            Some(owed) if plan.changes.is_empty() => format!("Drift detected: {owed} are owed"),
            Some(owed) => format!("Drift detected: {count}, and {owed} are owed"),
        })?;
        if !self.quiet || !out.is_text() {
            print::plan(out, &plan)?;
            print::owed(out, &plan.owed)?;
        }
        if is_same {
            return Ok(());
        }
        Err(Failure::Drift)
    }
}
