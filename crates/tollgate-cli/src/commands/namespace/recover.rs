//! `tollgate namespace recover`

use clap::Args;
use tollgate::model::NamespaceId;

use super::record::{NamespaceRecord, any_id};
use crate::{change::change, context::Context, failure::Failure};

/// Makes a deleted namespace active again
#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// Id of the namespace, as `tollgate namespace orphans` lists it
    #[arg(value_parser = any_id)]
    id: NamespaceId,
}

impl Recover {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let namespaces = context.open_registry().await?.namespaces();
        let info = change(namespaces.recover(&self.id)).await?;
        let sentence = format!("Recovered namespace '{}' (ID: {})", info.name, info.id);
        Ok(context.out.done(&sentence, &NamespaceRecord::new(&info))?)
    }
}
