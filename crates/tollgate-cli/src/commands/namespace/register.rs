//! `tollgate namespace register`

use clap::Args;
use tollgate::model::NamespaceName;

use super::record::NamespaceRecord;
use crate::{change::change, context::Context, failure::Failure};

/// Registers namespaces; one that exists stays as it is
#[derive(Debug, Args)]
pub(crate) struct Register {
    /// Names
    #[arg(required = true)]
    names: Vec<NamespaceName>,
}

impl Register {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let namespaces = context.open_registry().await?.namespaces();
        let text = context.out.is_text();
        let mut registered = Vec::new();
        for name in &self.names {
            let info = change(namespaces.register(name)).await?;
            context
                .out
                .line(format!("Registered namespace '{name}': {}", info.id))?;
            // What is registered is told, even if the next name fails.
            context.out.flush()?;
            registered.push(info);
        }
        if !text {
            let mut rows = context.out.rows();
            for info in &registered {
                rows.push(&NamespaceRecord::new(info))?;
            }
            rows.finish()?;
        }
        Ok(())
    }
}
