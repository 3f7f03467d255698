//! `tollgate entity children`

use clap::Args;
use tollgate::EntityId;

use super::record::EntityRecord;
use crate::{context::Context, failure::Failure};

/// Lists the entities whose parent is this one
#[derive(Debug, Args)]
pub(crate) struct Children {
    /// Parent
    entity: EntityId,
}

impl Children {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open().await?;
        let mut children = limiter.entities().children(&self.entity);
        let mut rows = context.out.rows();
        while let Some(child) = children.next().await {
            rows.push(&EntityRecord::new(&child?))?;
        }
        let count = rows.finish()?;
        Ok(context.out.line(format!("Total: {count} child(ren)"))?)
    }
}
