//! `tollgate limits apply`

use std::{io, time::Duration};

use clap::Args;
use serde::Serialize;
use tollgate_ops::limits::{self, Applied, ApplyOptions, ChangeAction, Target};

use super::{open::failure, planned::PlanArguments, print};
use crate::{
    change::{last_steps, resumable},
    confirm::confirm,
    context::Context,
    failure::Failure,
    output::{Output, Row},
    time,
};

/// The longest time for which an interrupted apply ends its leases.
const ENDING: Duration = Duration::from_secs(5);

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
    const COLUMNS: &'static [&'static str] = &[
        "namespace",
        "created",
        "updated",
        "deleted",
        "unchanged",
        "owed",
    ];

    fn cells(&self) -> Vec<String> {
        let Applied {
            created,
            updated,
            deleted,
            unchanged,
            ref owed,
            ..
        } = self.applied;
        let counts =
            [created, updated, deleted, unchanged, owed.len()].map(|count| count.to_string());
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
        let applied = match resumable(applying).await {
            Err(Failure::Interrupted(hint)) => {
                return Err(interrupted(&target, &options, hint).await);
            }
            applied => applied?,
        };
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
                "{} are left to another apply, which works on them until {} or was interrupted: apply again after that",
                print::owed_count(owed).unwrap_or_default(),
                time::of_millis(until)
            ))
        });
        let caught_up: Vec<_> = plan
            .owed
            .iter()
            .filter(|work| !owed.contains(work))
            .cloned()
            .collect();
        let caught_up = print::owed_count(&caught_up).map_or_else(String::new, |buckets| {
            format!(" Written: {buckets} that an earlier apply owed.")
        });
        let sentence = format!(
            "Applied: {created} created, {updated} updated, {deleted} deleted ({unchanged} unchanged).{caught_up}"
        );
        let namespace = plan.namespace.clone();
        let record = AppliedRecord { namespace, applied };
        context.out.done(&sentence, &record)?;
        left.map_or(Ok(()), Err)
    }
}

/// Ends the leases of an apply that was interrupted, so that the next one need not wait. Returns the
/// failure, which says so if that was not possible.
async fn interrupted(target: &Target, options: &ApplyOptions, hint: String) -> Failure {
    let ending = tokio::time::timeout(ENDING, limits::end_leases(target, options));
    Failure::Interrupted(match last_steps(ending).await {
        Ok(Ok(())) => hint,
        _ => format!("{hint}; wait for a minute before that: its buckets are still reserved"),
    })
}

/// Prints a change that was made, on a terminal at once.
fn shown(out: &mut Output, change: &limits::PlannedChange) -> io::Result<()> {
    print::change(out, change)?;
    if out.is_terminal() {
        out.flush()?;
    }
    Ok(())
}
