//! `tollgate namespace purge`

use clap::Args;
use serde::Serialize;
use tollgate::{
    limiter::Listing,
    model::{NamespaceId, NamespaceInfo},
};
use tollgate_ops::{OpsError, leftovers::Leftovers};

use super::record::{any_id, unknown};
use crate::{
    change::{self, ManyWrites},
    confirm,
    context::Context,
    failure::Failure,
    output::Row,
};

/// Deletes all items of a deleted namespace for ever
///
/// Shut down the services of the namespace first. An interrupted purge can be repeated: the
/// namespace is listed by `tollgate namespace orphans` until it is done. What is written after that
/// under its id, such as usage by an aggregator that lags, is deleted by the same command again.
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
        let Some(info) = &known else {
            // Refuses an active namespace. Deletes nothing of one that it does not know.
            namespaces.purge(&id).await?;
            // A name may have the id although the id's own record is gone.
            if let Some(active) = find(namespaces.list(), &id).await? {
                return Err(Failure::Refused(format!(
                    "namespace {} has the id {id}, and is active: nothing was changed",
                    active.name
                )));
            }
            return leftovers(context, &id).await;
        };
        confirm::confirm(options, &question(&format!("'{}' ({id})", info.name)))?;
        let deletion = ManyWrites::new("items deleted");
        let namespaces = namespaces.progress(deletion.counter());
        let items_deleted = deletion.run(namespaces.purge(&id)).await?;
        done(context, &id, items_deleted)
    }
}

fn done(context: &mut Context, id: &NamespaceId, items_deleted: u64) -> Result<(), Failure> {
    let record = PurgeRecord {
        namespace_id: id.to_string(),
        items_deleted,
    };
    let sentence = format!("Purged namespace {id} ({items_deleted} items)");
    Ok(context.out.done(&sentence, &record)?)
}

/// Deletes what was written under an id after its namespace was purged.
async fn leftovers(context: &mut Context, id: &NamespaceId) -> Result<(), Failure> {
    let unopened = context.unopened().await?;
    let (client, table) = (unopened.stack.client().clone(), unopened.stack.table());
    let leftovers = Leftovers::new(client, table, id.as_ref()).ok_or_else(|| unknown(id))?;
    let failed = |error: OpsError| Failure::Aws(error.to_string());
    if !leftovers.exist().await.map_err(failed)? {
        return Err(unknown(id));
    }
    let question = format!(
        "No namespace has the id {id}, but items are under it, written after a purge. Delete them? This cannot be undone."
    );
    confirm::confirm(&context.options, &question)?;
    let deletion = async { leftovers.delete(|_| {}).await.map_err(failed) };
    let count = change::resumable(deletion).await?;
    done(context, id, count)
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
