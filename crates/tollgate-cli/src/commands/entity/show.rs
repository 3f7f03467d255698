//! `tollgate entity show`

use clap::Args;
use tollgate::EntityId;

use super::record::EntityRecord;
use crate::{context::Context, failure::Failure};

/// Shows an entity
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Entity
    entity: EntityId,
}

impl Show {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open().await?;
        match limiter.entities().get(&self.entity).await? {
            Some(entity) => Ok(context.out.record(&EntityRecord::new(&entity))?),
            None => Err(Failure::Refused(format!(
                "there is no entity {entity}: `tollgate entity create {entity}` makes one; limits and buckets need none",
                entity = self.entity
            ))),
        }
    }
}
