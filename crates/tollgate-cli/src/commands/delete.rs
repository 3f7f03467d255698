//! `tollgate delete`

use clap::Args;
use serde::Serialize;
use tollgate_aws::manager::DeployedStack;

use super::deploy::deploy_again;
use crate::{
    confirm,
    context::Context,
    deployment::Target,
    failure::Failure,
    output::{Row, or_dash},
    stderr,
};

/// Deletes a stack: its functions, alarms and policies; keeps the table and the archive
///
/// With --data, the table and the archive are deleted too, also those that an earlier deletion of the
/// stack has kept: then name the archive. An interrupted deletion can be repeated. A stack that another
/// template made is left as it is, because its data would not be kept.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Delete the table and the archive too, for ever. Asks for the stack's name; with --yes, --name
    /// must be given
    #[arg(long)]
    data: bool,
    /// Archive that an earlier deletion of the stack has kept
    #[arg(long, value_name = "BUCKET", requires = "data")]
    archive: Option<String>,
}

/// A stack that was deleted.
#[derive(Debug, Default, Serialize)]
struct DeletionRecord {
    stack: String,
    stack_deleted: bool,
    table_deleted: bool,
    archive: Option<String>,
    archived_objects_deleted: Option<u64>,
    /// The command that makes the stack again.
    deploy_again: Option<String>,
}

impl Row for DeletionRecord {
    const COLUMNS: &'static [&'static str] = &[
        "Stack",
        "Stack deleted",
        "Table deleted",
        "Archive",
        "Archived objects deleted",
        "Deploy again",
    ];

    fn cells(&self) -> Vec<String> {
        let objects = self.archived_objects_deleted;
        vec![
            self.stack.clone(),
            self.stack_deleted.to_string(),
            self.table_deleted.to_string(),
            or_dash(&self.archive),
            or_dash(&objects.map(|objects| objects.to_string())),
            or_dash(&self.deploy_again),
        ]
    }
}

impl Delete {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let stack = context.options.stack()?;
        let question = self.question(stack.as_str());
        self.check(context, &question)?;
        let target = Target::load(context).await?;
        let stack_now = target.read(target.manager.describe()).await?;
        let exists = stack_now.is_some();
        if !exists && !self.data {
            return Err(target.missing());
        }
        if self.data {
            confirm::by_name(&context.options, &question, stack.as_str())?;
        } else {
            confirm::confirm(&context.options, &question)?;
        }
        let mut record = DeletionRecord {
            stack: stack.to_string(),
            archive: self.archive.clone(),
            ..DeletionRecord::default()
        };
        if let Some(stack) = &stack_now {
            self.check_archive(stack)?;
            let again = stack.is_ours().then(|| deploy_again(stack, !self.data));
            if context.out.is_text() {
                // Nothing else knows these when the stack is gone.
                if let Some(archive) = stack.archive() {
                    stderr::line(&format!("the archive is the bucket {archive}"));
                }
                if let Some(again) = &again {
                    stderr::lines(&format!("the same stack is made again by\n    {again}"));
                }
            }
            record.deploy_again = again;
            let deletion = target.change(target.manager.delete()).await?;
            record.stack_deleted = true;
            record.archive = record.archive.or(deletion.archive);
            if let Some((bucket, problem)) = deletion.kept_code {
                stderr::line(&format!(
                    "the bucket {bucket} with the code of functions is left: {problem}"
                ));
            }
        }
        if self.data {
            let archive = record.archive.as_deref();
            let deleted = target.change(target.manager.delete_data(archive)).await?;
            if !exists && !deleted.table && deleted.archived_objects.is_none() {
                return Err(target.missing());
            }
            if !exists && archive.is_none() && context.out.is_text() {
                stderr::line(
                    "if the stack had an archive, its bucket is left: name it by --archive to delete it",
                );
            }
            record.table_deleted = deleted.table;
            record.archived_objects_deleted = deleted.archived_objects;
        }
        let sentence = sentence(&record, &target.place());
        Ok(context.out.done(&sentence, &record)?)
    }

    fn question(&self, stack: &str) -> String {
        if self.data {
            let archive = match &self.archive {
                Some(archive) => format!("the archive {archive}"),
                None => "its archive".to_owned(),
            };
            format!(
                "Delete stack {stack} with its table and {archive}? Limits, entities, usage and history are lost for ever."
            )
        } else {
            format!("Delete stack {stack}? Its table and its archive are kept.")
        }
    }

    /// Checks that the archive that is named is that of the stack.
    fn check_archive(&self, stack: &DeployedStack) -> Result<(), Failure> {
        match (&self.archive, stack.archive()) {
            (Some(named), Some(known)) if named != known => Err(Failure::Usage(format!(
                "--archive {named} is not the archive of stack {}, which is {known}: leave --archive out",
                stack.name
            ))),
            _ => Ok(()),
        }
    }

    /// Checks that the question can be asked, or need not be.
    fn check(&self, context: &Context, question: &str) -> Result<(), Failure> {
        confirm::check(&context.options, question)?;
        if let Some(archive) = &self.archive
            && !archive.contains("auditarchivebucket")
        {
            return Err(Failure::Usage(format!(
                "--archive {archive} is no archive of a stack: their names have `auditarchivebucket` in them"
            )));
        }
        if self.data && context.options.yes && context.options.given_stack().is_none() {
            return Err(Failure::Usage(
                "--data with --yes needs --name: name the stack whose data are to be deleted"
                    .into(),
            ));
        }
        Ok(())
    }
}

/// Describes a deletion for people.
fn sentence(record: &DeletionRecord, place: &str) -> String {
    let stack = &record.stack;
    let archive = match (&record.archive, record.archived_objects_deleted) {
        (Some(archive), None) => format!(", and its archive {archive}"),
        _ => String::new(),
    };
    let option = match &record.archive {
        Some(archive) => format!(" --archive {archive}"),
        None => String::new(),
    };
    if record.stack_deleted && !record.table_deleted && record.archived_objects_deleted.is_none() {
        return format!(
            "Deleted stack {stack} {place}; its table {stack} is kept{archive}: `tollgate delete --data --name {stack}{option}` deletes them"
        );
    }
    let archive = match (&record.archive, record.archived_objects_deleted) {
        (Some(archive), Some(count)) => Some(format!("the archive {archive} ({count} objects)")),
        _ => None,
    };
    let what = match (record.stack_deleted, record.table_deleted) {
        (true, true) => Some(format!("stack and table {stack}")),
        (true, false) => Some(format!("stack {stack}")),
        (false, true) => Some(format!("table {stack}")),
        (false, false) => None,
    };
    let deleted: Vec<String> = what.into_iter().chain(archive).collect();
    format!("Deleted {} {place}", deleted.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(stack: bool, table: bool, objects: Option<u64>) -> String {
        let record = DeletionRecord {
            stack: "limits".to_owned(),
            stack_deleted: stack,
            table_deleted: table,
            archive: objects.map(|_| "limits-auditarchivebucket-1".to_owned()),
            archived_objects_deleted: objects,
            deploy_again: None,
        };
        sentence(&record, "in region eu-west-1")
    }

    #[test]
    fn a_sentence_names_what_was_deleted() {
        assert_eq!(
            told(true, true, Some(2)),
            "Deleted stack and table limits and the archive limits-auditarchivebucket-1 (2 objects) in region eu-west-1"
        );
        assert_eq!(
            told(false, false, Some(0)),
            "Deleted the archive limits-auditarchivebucket-1 (0 objects) in region eu-west-1"
        );
        assert_eq!(
            told(false, true, None),
            "Deleted table limits in region eu-west-1"
        );
    }
}
