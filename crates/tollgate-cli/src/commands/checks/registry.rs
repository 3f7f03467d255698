//! Checks of the version record and of the namespace.

use tollgate::{
    RateLimiter,
    limiter::Namespaces,
    model::{NamespaceId, NamespaceInfo, NamespaceName, NamespaceStatus, Status},
};

use super::Check;
use crate::{commands::versions::unread, time::rfc3339};

/// Checks the version record.
pub(crate) fn version(status: &Status) -> Check {
    const NAME: &str = "version record";
    let Some(record) = &status.store.version else {
        return match unread(status) {
            Some(problem) => Check::fault(
                NAME,
                format!("not known: {problem}"),
                "the right to read the table is needed",
            ),
            None => Check::fault(NAME, "missing", "`tollgate table create` writes it"),
        };
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".into());
    let found = format!(
        "schema {}, client_min_version {}, lambda_version {}",
        text(&record.schema_version),
        text(&record.client_min_version),
        text(&record.lambda_version)
    );
    match status.compatibility() {
        Ok(()) => Check::ok(NAME, found),
        Err(problem) => Check::fault(
            NAME,
            format!("{found}: {problem}"),
            "use a newer version of this program, or the stack that it was made for",
        ),
    }
}

/// Checks that the namespace is registered. Returns its id if it is.
pub(crate) async fn namespace(
    registry: &RateLimiter,
    name: &NamespaceName,
) -> (Check, Option<NamespaceId>) {
    const NAME: &str = "namespace";
    let namespaces = registry.namespaces();
    let error = match namespaces.get(name).await {
        Ok(Some(info)) => {
            let check = Check::ok(
                NAME,
                format!("{name} is registered, with the id {}", info.id),
            );
            return (check, Some(info.id));
        }
        Ok(None) => None,
        Err(error) => Some(error),
    };
    let check = match (error, deleted(&namespaces, name).await) {
        (Some(error), _) => Check::fault(
            NAME,
            format!("{name} is not known: {error}"),
            "the right to read the table is needed",
        ),
        (None, Some(info)) if info.status == NamespaceStatus::Purging => Check::fault(
            NAME,
            format!("{name} is being purged, id {}", info.id),
            format!("finish it by `tollgate namespace purge {}`", info.id),
        ),
        (None, Some(info)) => Check::fault(
            NAME,
            format!(
                "{name} was deleted{}, id {}",
                info.deleted_at
                    .map_or_else(String::new, |time| format!(" at {}", rfc3339(time))),
                info.id
            ),
            format!("`tollgate namespace recover {}` brings it back", info.id),
        ),
        (None, None) => Check::fault(
            NAME,
            format!("{name} is not registered"),
            format!("`tollgate namespace register {name}` makes it"),
        ),
    };
    (check, None)
}

/// Finds a deleted namespace of that name. None is found if they cannot be listed.
async fn deleted(namespaces: &Namespaces, name: &NamespaceName) -> Option<NamespaceInfo> {
    let mut orphans = namespaces.orphans();
    while let Some(Ok(info)) = orphans.next().await {
        if info.name == name.as_str() {
            return Some(info);
        }
    }
    None
}
