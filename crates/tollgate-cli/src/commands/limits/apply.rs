//! `tollgate limits apply`

use std::io;

use clap::Args;
use serde::Serialize;
use tollgate_ops::limits::{self, Applied, ApplyOptions, ChangeAction};

use super::{open::failure, planned::PlanArguments, print};
use crate::{
    change::resumable,
    confirm::confirm,
    context::Context,
    failure::Failure,
    output::{Output, Row},
    time,
};

/// Writes the limits of a file to the table
///
/// Everything in the file is checked before anything is written. Existing buckets follow. Configs
/// that an earlier file declared, and this one does not, are deleted. If it fails midway, run it
/// again to finish it.
#[derive(Debug, Args)]
pub(crate) struct ApplyLimits {
    #[command(flatten)]
    arguments: PlanArguments,
}

/// The counts of an apply.
#[derive(Debug, Serialize)]
struct AppliedRecord {
    namespace: String,
    #[serde(flatten)]
    applied: Applied,
}

impl Row for AppliedRecord {
    const COLUMNS: &'static [&'static str] =
        &["namespace", "created", "updated", "deleted", "unchanged"];

    fn cells(&self) -> Vec<String> {
        let Applied {
            created,
            updated,
            deleted,
            unchanged,
            ..
        } = self.applied;
        let counts = [created, updated, deleted, unchanged].map(|count| count.to_string());
        [self.namespace.clone()].into_iter().chain(counts).collect()
    }
}

impl ApplyLimits {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let (target, plan) = self.arguments.plan(context).await?;
        let deleted = plan.changes.iter();
        let deleted = deleted.filter(|change| change.action == ChangeAction::Delete);
        let deleted: Vec<_> = deleted.map(|change| change.to_string()).collect();
        if let Some(first) = deleted.first() {
            let first = first.trim_start_matches("- delete ");
            let more = match deleted.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let namespace = &plan.namespace;
            let question = format!("Delete {first}{more} from namespace {namespace:?}?");
            confirm(&context.options, &question)?;
        }
        let mut printed: io::Result<()> = Ok(());
        let (out, quiet) = (&mut context.out, self.arguments.quiet);
        if !quiet {
            print::resumed(out, &plan)?;
        }
        let report = |change: &limits::PlannedChange| {
            if !quiet && printed.is_ok() {
                printed = shown(out, change);
            }
        };
        let options = ApplyOptions::default();
        let applying = async {
            limits::apply(&target, &plan, &options, report)
                .await
                .map_err(failure)
        };
        let applied = resumable(applying).await?;
        printed?;
        let Applied {
            created,
            updated,
            deleted,
            unchanged,
            ref owed,
            ..
        } = applied;
        let held = owed.iter().filter_map(|owed| owed.held_until).max();
        let left = held.map(|until| {
            Failure::Refused(format!(
                "buckets of {} are left to another apply, which works on them until {} or was interrupted: apply again after that",
                print::count(owed.len(), "config", "configs"),
                time::of_millis(until)
            ))
        });
        let sentence = format!(
            "Applied: {created} created, {updated} updated, {deleted} deleted ({unchanged} unchanged)."
        );
        let namespace = plan.namespace.clone();
        let record = AppliedRecord { namespace, applied };
        context.out.done(&sentence, &record)?;
        left.map_or(Ok(()), Err)
    }
}

/// Prints a change that was made, on a terminal at once.
fn shown(out: &mut Output, change: &limits::PlannedChange) -> io::Result<()> {
    print::change(out, change)?;
    if out.is_terminal() {
        out.flush()?;
    }
    Ok(())
}
