//! `tollgate entity create`

use clap::Args;
use tollgate::{EntityId, model::Entity};

use super::record::EntityRecord;
use crate::{change::change, context::Context, failure::Failure};

/// Creates an entity
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Entity
    entity: EntityId,
    /// Name for people [default: the entity's id]
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Parent of the entity, which need not exist
    #[arg(long, value_name = "ENTITY")]
    parent: Option<EntityId>,
    /// Charge the parent whenever the entity is charged
    #[arg(long, overrides_with = "no_cascade")]
    cascade: bool,
    /// Do not charge the parent (default)
    #[arg(long)]
    no_cascade: bool,
    /// Other data, repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("an = is missing: KEY=VALUE")?;
    if key.is_empty() {
        return Err("the key is empty: KEY=VALUE".into());
    }
    Ok((key.to_owned(), value.to_owned()))
}

impl Create {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut entity = Entity::new(self.entity);
        if let Some(name) = self.display_name {
            entity = entity.with_name(name);
        }
        if let Some(parent) = self.parent {
            entity = entity.with_parent(parent);
        }
        if self.cascade {
            entity = entity.cascading();
        }
        for (key, value) in self.metadata {
            entity = entity.with_metadata(key, value);
        }
        let limiter = context.open().await?;
        let entity = change(limiter.entities().create(entity)).await?;
        let record = EntityRecord::new(&entity);
        context
            .out
            .done(&format!("Created entity '{}'", entity.id), &record)?;
        if entity.name != entity.id.as_str() {
            context.out.line(format!("  Name:    {}", entity.name))?;
        }
        if let Some(parent) = &entity.parent {
            context.out.line(format!("  Parent:  {parent}"))?;
        }
        let cascade = if entity.cascade { "yes" } else { "no" };
        Ok(context.out.line(format!("  Cascade: {cascade}"))?)
    }
}
