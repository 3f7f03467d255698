//! `tollgate limits plan`

use clap::Args;

use super::{planned::PlanArguments, print};
use crate::{context::Context, failure::Failure};

/// Shows what an apply of a file would change
///
/// Reads only. Each change has its old and new values. Configs that were stored by other means are
/// left alone, and listed.
#[derive(Debug, Args)]
pub(crate) struct PlanLimits {
    #[command(flatten)]
    arguments: PlanArguments,
}

impl PlanLimits {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let (_, plan) = self.arguments.plan(context).await?;
        let out = &mut context.out;
        let unchanged = plan.unchanged;
        let summary = match plan.changes.len() {
            0 => "No changes. Infrastructure is up-to-date.".to_owned(),
            changes => format!(
                "Plan: {} ({unchanged} unchanged)",
                print::count(changes, "change", "changes")
            ),
        };
        out.line(summary)?;
        if !self.arguments.quiet || !out.is_text() {
            print::plan(out, &plan)?;
            print::resumed(out, &plan)?;
            print::rest(out, &plan)?;
        }
        Ok(())
    }
}
