//! `tollgate entity set-parent`

use clap::Args;
use serde::Serialize;
use tollgate::EntityId;

use crate::{change::ManyWrites, context::Context, failure::Failure, output::Row};

/// Gives an entity another parent, or none
///
/// Give `--parent` or `--none`. The parent must exist. What was charged to the old parent stays there. If it fails midway, run
/// it again to finish it.
#[derive(Debug, Args)]
pub(crate) struct SetParent {
    /// Entity
    entity: EntityId,
    #[command(flatten)]
    new: NewParent,
}

/// The new parent, or `--none`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct NewParent {
    /// New parent
    #[arg(long, value_name = "ENTITY")]
    parent: Option<EntityId>,
    /// No parent
    #[arg(long)]
    none: bool,
}

/// A move that was made.
#[derive(Debug, Serialize)]
struct MoveRecord {
    entity: String,
    parent: Option<String>,
    buckets: u64,
}

impl Row for MoveRecord {
    const COLUMNS: &'static [&'static str] = &["entity", "parent", "buckets"];

    fn cells(&self) -> Vec<String> {
        let parent = self.parent.clone().unwrap_or_default();
        vec![self.entity.clone(), parent, self.buckets.to_string()]
    }
}

impl SetParent {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open().await?;
        let (entity, parent) = (&self.entity, self.new.parent.as_ref());
        let writes = ManyWrites::new("buckets written");
        let entities = limiter.entities().progress(writes.counter());
        let buckets = writes.run(entities.set_parent(entity, parent)).await?;
        let to = parent.map_or_else(
            || "no parent".to_owned(),
            |parent| format!("parent '{parent}'"),
        );
        let record = MoveRecord {
            entity: entity.to_string(),
            parent: parent.map(ToString::to_string),
            buckets,
        };
        let sentence = format!("Moved entity '{entity}' to {to} ({buckets} buckets stamped)");
        Ok(context.out.done(&sentence, &record)?)
    }
}
