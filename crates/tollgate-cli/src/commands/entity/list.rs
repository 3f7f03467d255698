//! `tollgate entity list`

use clap::Args;

use super::scope::ResourceOrAll;
use crate::{commands::names::Named, context::Context, failure::Failure};

/// Lists the entities that have limits of their own for a resource
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Resource; `_default_` for limits that an entity has for all resources
    #[arg(long, value_name = "RESOURCE")]
    with_custom_limits: ResourceOrAll,
    /// Number of entities to list [default: all]
    #[arg(long)]
    limit: Option<u64>,
}

impl List {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open().await?;
        let resource = self.with_custom_limits.resource();
        let mut entities = limiter.config().entities_with_limits(resource);
        let most = self.limit.unwrap_or(u64::MAX);
        let (text, mut count) = (context.out.is_text(), 0);
        if text {
            while count < most
                && let Some(entity) = entities.next().await
            {
                context.out.line(entity?.as_str())?;
                count += 1;
            }
        } else {
            let mut rows = context.out.rows();
            while rows.count() < most
                && let Some(entity) = entities.next().await
            {
                rows.push(&Named::new(&entity?))?;
            }
            count = rows.finish()?;
        }
        if count == 0 {
            let resource = self.with_custom_limits;
            context.out.line(format!(
                "No entities with custom limits for resource '{resource}'"
            ))?;
        }
        Ok(())
    }
}
