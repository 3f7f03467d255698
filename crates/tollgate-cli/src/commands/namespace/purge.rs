//! `tollgate namespace purge`

use clap::Args;
use serde::Serialize;
use tollgate::{
    limiter::Listing,
    model::{NamespaceId, NamespaceInfo},
};

use super::record::{any_id, unknown};
use crate::{change::ManyWrites, confirm, context::Context, failure::Failure, output::Row};

/// Deletes all items of a deleted namespace for ever
///
/// Shut down the services of the namespace first. An interrupted purge can be repeated: the
/// namespace is listed by `tollgate namespace orphans` until it is done.
#[derive(Debug, Args)]
pub(crate) struct Purge {
    /// Id of the namespace, as `tollgate namespace orphans` lists it
    #[arg(value_parser = any_id)]
    id: NamespaceId,
}

/// A purge that is done.
#[derive(Debug, Serialize)]
struct PurgeRecord {
    namespace_id: String,
    items_deleted: u64,
}

impl Row for PurgeRecord {
    const COLUMNS: &'static [&'static str] = &["namespace_id", "items_deleted"];

    fn cells(&self) -> Vec<String> {
        vec![self.namespace_id.clone(), self.items_deleted.to_string()]
    }
}

impl Purge {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let id = self.id;
        let options = &context.options;
        confirm::check(options, &question(id.as_ref()))?;
        let namespaces = context.open_registry().await?.namespaces();
        let known = find(namespaces.orphans(), &id).await?;
        let asked = match &known {
            Some(info) => format!("'{}' ({id})", info.name),
            None => id.to_string(),
        };
        confirm::confirm(options, &question(&asked))?;
        let deletion = ManyWrites::new("items deleted");
        let namespaces = namespaces.progress(deletion.counter());
        let items_deleted = deletion.run(namespaces.purge(&id)).await?;
        if known.is_none() && items_deleted == 0 {
            return Err(unknown(&id));
        }
        let record = PurgeRecord {
            namespace_id: id.to_string(),
            items_deleted,
        };
        let sentence = format!("Purged namespace {id} ({items_deleted} items)");
        Ok(context.out.done(&sentence, &record)?)
    }
}

fn question(namespace: &str) -> String {
    format!("Purge namespace {namespace}? This cannot be undone.")
}

/// Returns the deleted namespace with this id, if there is one.
async fn find(
    mut orphans: Listing<NamespaceInfo>,
    id: &NamespaceId,
) -> Result<Option<NamespaceInfo>, Failure> {
    while let Some(info) = orphans.next().await {
        let info = info?;
        if info.id == *id {
            return Ok(Some(info));
        }
    }
    Ok(None)
}
