//! `tollgate namespace recover`

use clap::Args;
use tollgate::{Error, error::NamespaceError, model::NamespaceId};

use super::record::{NamespaceRecord, any_id, unknown};
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
        let info = match change(namespaces.recover(&self.id)).await {
            Err(Failure::Library(Error::Namespace(NamespaceError::NotFound(_)))) => {
                return Err(unknown(&self.id));
            }
            info => info?,
        };
        let sentence = format!("Recovered namespace '{}' (ID: {})", info.name, info.id);
        Ok(context.out.done(&sentence, &NamespaceRecord::new(&info))?)
    }
}
