//! `tollgate namespace show`

use clap::Args;
use tollgate::model::NamespaceName;

use super::record::NamespaceRecord;
use crate::{context::Context, failure::Failure};

/// Shows an active namespace
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Name
    name: NamespaceName,
}

impl Show {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let namespaces = context.open_registry().await?.namespaces();
        match namespaces.get(&self.name).await? {
            Some(info) => Ok(context.out.record(&NamespaceRecord::new(&info))?),
            None => Err(Failure::Refused(format!(
                "there is no namespace {}",
                self.name
            ))),
        }
    }
}
