//! Checks of the actions that the credentials allow.

use tollgate::store::dynamodb::{PermissionPurpose, PermissionResult, PermissionTrial};

use super::Check;

/// Describes each action that was tried. Services need to read and to charge; the rest is for
/// operators, so its lack is a warning.
pub(crate) fn rights(trials: &[PermissionTrial]) -> Vec<Check> {
    trials.iter().map(right).collect()
}

fn right(trial: &PermissionTrial) -> Check {
    let (action, place) = (trial.action, trial.index.unwrap_or("table"));
    let name = format!("right {action} {place}");
    let (purpose, is_needed) = purpose(trial.purpose);
    match &trial.result {
        PermissionResult::Denied(error) => {
            let allow = error.missing_permission().map(str::to_owned);
            let allow = allow.unwrap_or_else(|| format!("dynamodb:{action}"));
            let (found, advice) = (
                format!("not allowed, to {purpose}"),
                format!("allow {allow} to these credentials, if they shall {purpose}"),
            );
            if is_needed {
                Check::fault(name, found, advice)
            } else {
                Check::warning(name, found, advice)
            }
        }
        PermissionResult::Unknown(error) => Check::warning(
            name,
            format!("not known: {error}"),
            "mend the faults above, if there are any, and run this command again",
        ),
        _ => Check::ok(name, format!("allowed, to {purpose}")),
    }
}

/// Returns the purpose of an action, and if every service needs it.
fn purpose(purpose: PermissionPurpose) -> (&'static str, bool) {
    match purpose {
        PermissionPurpose::Read => ("read limits and buckets", true),
        PermissionPurpose::Spend => ("charge buckets", true),
        PermissionPurpose::List => ("list entities, buckets, usage and the history", false),
        PermissionPurpose::Administer => ("change limits and entities", false),
        PermissionPurpose::Scan => ("read all buckets for `tollgate top`", false),
        _ => ("use the table", false),
    }
}
