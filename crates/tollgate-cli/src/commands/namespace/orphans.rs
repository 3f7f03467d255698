//! `tollgate namespace orphans`

use clap::Args;

use super::record::NamespaceRecord;
use crate::{context::Context, failure::Failure};

/// Lists the namespaces that were deleted and not purged yet
#[derive(Debug, Args)]
pub(crate) struct Orphans {}

impl Orphans {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open_registry().await?;
        let mut namespaces = limiter.namespaces().orphans();
        let mut rows = context.out.rows();
        while let Some(info) = namespaces.next().await {
            rows.push(&NamespaceRecord::new(&info?))?;
        }
        let count = rows.finish()?;
        Ok(context.out.line(format!("Total: {count} namespace(s)"))?)
    }
}
