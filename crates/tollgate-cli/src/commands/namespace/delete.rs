//! `tollgate namespace delete`

use clap::Args;
use tollgate::model::NamespaceName;

use super::record::NamespaceRecord;
use crate::{change::change, confirm::confirm, context::Context, failure::Failure};

/// Deletes a namespace; its items stay until it is purged
///
/// The name is free at once. `tollgate namespace orphans` lists what can be recovered or purged.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Name
    name: NamespaceName,
}

impl Delete {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        confirm(
            &context.options,
            &format!("Delete namespace '{}'?", self.name),
        )?;
        let namespaces = context.open_registry().await?.namespaces();
        let info = change(namespaces.delete(&self.name)).await?;
        let sentence = format!(
            "Deleted namespace '{}' (ID: {id}): `tollgate namespace recover {id}` takes it back",
            info.name,
            id = info.id
        );
        Ok(context.out.done(&sentence, &NamespaceRecord::new(&info))?)
    }
}
