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
        let changes = print::count(plan.changes.len(), "change", "changes");
        out.line(match print::owed_count(&plan.owed) {
            None if plan.changes.is_empty() => "No changes. Infrastructure is up-to-date.".into(),
            None => format!("Plan: {changes} ({unchanged} unchanged)"),
            Some(owed) => format!("Plan: {changes} ({unchanged} unchanged), and {owed} are owed"),
        })?;
        if !self.arguments.quiet || !out.is_text() {
            print::plan(out, &plan)?;
            print::resumed(out, &plan)?;
            print::rest(out, &plan)?;
            print::owed(out, &plan.owed)?;
        }
        Ok(())
    }
}
