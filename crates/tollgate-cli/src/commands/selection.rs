//! The entity or the resource whose buckets or consumption are listed.

use clap::Args;
use tollgate::{EntityId, Resource};

use crate::failure::Failure;

/// The options that select an entity, a resource, or both.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct Selection {
    /// Entity; without it, all entities of the resource
    #[arg(
        long = "entity-id",
        alias = "entity",
        short = 'e',
        value_name = "ENTITY"
    )]
    entity: Option<EntityId>,
    /// Resource; without it, all resources of the entity
    #[arg(long, short = 'r')]
    resource: Option<Resource>,
}

/// The entity or the resource that was selected.
#[derive(Debug)]
pub(super) enum Selected {
    /// An entity; and only this resource, if there is one.
    Entity(EntityId, Option<Resource>),
    Resource(Resource),
}

impl Selection {
    /// Returns what is selected, for people: `user-1, gpt-4`.
    pub(super) fn name(&self) -> String {
        let entity = self.entity.as_ref().map(ToString::to_string);
        let resource = self.resource.as_ref().map(ToString::to_string);
        let names: Vec<String> = entity.into_iter().chain(resource).collect();
        names.join(", ")
    }

    /// Returns the entity or the resource.
    pub(super) fn selected(self) -> Result<Selected, Failure> {
        match (self.entity, self.resource) {
            (Some(entity), resource) => Ok(Selected::Entity(entity, resource)),
            (None, Some(resource)) => Ok(Selected::Resource(resource)),
            (None, None) => Err(Failure::Usage(
                "--entity-id or --resource is missing".into(),
            )),
        }
    }
}
