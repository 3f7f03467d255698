//! Removes what a test made.

use super::{figures::counted, setup::Setup};
use crate::{context::Context, failure::Failure, interrupt};

impl Setup {
    /// Writes what the limiter holds, removes what the test made unless it is kept, and returns a
    /// sentence that says what was removed, and what stays.
    pub(super) async fn clean_up(&self, context: &Context, keep: bool) -> String {
        let Some(limiter) = &self.limiter else {
            return "Nothing was made by the test".into();
        };
        limiter.shutdown().await;
        let namespace = self.namespace.as_ref().map(ToString::to_string);
        let namespace = namespace.unwrap_or_default();
        if keep {
            return format!("Everything stays in namespace {namespace}");
        }
        if self.made.is_none() && self.entities.is_empty() {
            return format!(
                "The buckets that were charged stay in namespace {namespace}: their use is real use"
            );
        }
        let removed = tokio::select! {
            removed = self.remove(context) => removed,
            () = interrupt::wait() => Err(Failure::Interrupted("while it cleaned up".into())),
        };
        let items = |count| counted(count, "item", "items");
        match (removed, &self.made) {
            (Ok(count), Some(made)) => {
                let items = items(count);
                format!(
                    "Removed the test's namespace {namespace} ({items}). If an aggregator counts the test later, \
                     `tollgate namespace purge {}` removes its usage",
                    made.id
                )
            }
            (Ok(count), None) => {
                let items = items(count);
                format!(
                    "Removed the test's entities in namespace {namespace} ({items}): its history says so"
                )
            }
            (Err(failure), Some(made)) => format!(
                "The test's namespace stays ({failure}): remove it with `tollgate namespace delete {namespace}` \
                 and `tollgate namespace purge {}`",
                made.id
            ),
            (Err(failure), None) => format!(
                "Entities of the test stay in namespace {namespace} ({failure}): their names begin with loadtest-"
            ),
        }
    }

    async fn remove(&self, context: &Context) -> Result<u64, Failure> {
        if let (Some(made), Some(name)) = (&self.made, &self.namespace) {
            let namespaces = context.open_registry().await?.namespaces();
            namespaces.delete(name).await?;
            return Ok(namespaces.purge(&made.id).await?);
        }
        // The test's limiter has shut down.
        let entities = context.open().await?.entities();
        let mut items = 0;
        for entity in &self.entities {
            items += entities.delete(entity).await?;
        }
        Ok(items)
    }
}
