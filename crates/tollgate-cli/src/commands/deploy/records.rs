//! The records of a stack that another tool has made.

use tollgate_aws::StackOptions;

use super::options::OptionArguments;
use crate::{
    context::Context,
    deployment::{DeploymentRecord, Target},
    failure::Failure,
    stderr,
};

/// Writes the records into the table of a stack that exists, and changes nothing else.
pub(super) async fn write_records(
    context: &mut Context,
    target: &Target,
    arguments: &OptionArguments,
) -> Result<(), Failure> {
    let (manager, name) = (&target.manager, target.manager.name());
    let change = |options: StackOptions| arguments.apply(options);
    let prepared = target.read(manager.prepare(change, None)).await?;
    if prepared.current().is_none() {
        return Err(target.missing());
    }
    if !prepared.keeps_options() {
        return Err(Failure::Usage(
            "--records-only changes no option of the stack but --audit-retention-days: let the tool that made the \
             stack change the others"
                .into(),
        ));
    }
    let recorded = target.change(manager.record(&prepared)).await?;
    let record = DeploymentRecord::new(prepared.current(), &recorded);
    let place = target.place();
    let sentence = if recorded.is_changed {
        format!("Wrote the records of stack {name} {place}")
    } else {
        format!("No changes: stack {name} {place} has its records")
    };
    context.out.done(&sentence, &record)?;
    let tags: Vec<String> = prepared
        .missing_tags()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    if !tags.is_empty() && context.out.is_text() {
        stderr::line(&format!(
            "`tollgate list` finds stacks by tags that this one lacks: let the tool that made it add {}",
            tags.join(" ")
        ));
    }
    Ok(())
}
