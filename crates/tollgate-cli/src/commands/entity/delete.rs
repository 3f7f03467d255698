//! `tollgate entity delete`

use clap::Args;
use serde::Serialize;
use tollgate::EntityId;

use crate::{
    change::repeatable, confirm::confirm, context::Context, failure::Failure, output::Row,
};

/// Deletes an entity with its limits and buckets; its history stays
///
/// An interrupted deletion can be repeated.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Entity
    entity: EntityId,
}

/// The deletion of an entity.
#[derive(Debug, Serialize)]
struct EntityDeletion {
    entity: String,
    items_deleted: u64,
}

impl Row for EntityDeletion {
    const COLUMNS: &'static [&'static str] = &["entity", "items_deleted"];

    fn cells(&self) -> Vec<String> {
        vec![self.entity.clone(), self.items_deleted.to_string()]
    }
}

impl Delete {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let entity = self.entity;
        confirm(
            &context.options,
            &format!("Delete entity '{entity}' with its limits and buckets?"),
        )?;
        let limiter = context.open().await?;
        let items_deleted = repeatable(limiter.entities().delete(&entity)).await?;
        let sentence = match items_deleted {
            0 => format!(
                "Nothing to delete: there is no entity '{entity}', and it has no limits or buckets"
            ),
            count => format!("Deleted entity '{entity}' ({count} items)"),
        };
        let record = EntityDeletion {
            entity: entity.to_string(),
            items_deleted,
        };
        Ok(context.out.done(&sentence, &record)?)
    }
}
