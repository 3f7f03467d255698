//! `tollgate entity list`

use clap::Args;
use tollgate::EntityId;

use super::scope::ResourceOrAll;
use crate::{
    commands::{
        listing::{self, Form, Part},
        names::Named,
    },
    context::Context,
    failure::Failure,
};

/// Lists the entities that have limits of their own for a resource
///
/// There is no list of all entities: `tollgate entity children` lists those of a parent, `tollgate
/// bucket list` the buckets of a resource.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Resource; `_default_` for limits that an entity has for all resources
    #[arg(long, value_name = "RESOURCE")]
    with_custom_limits: ResourceOrAll,
    #[command(flatten)]
    part: Part,
}

impl List {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open().await?;
        let resource = self.with_custom_limits.resource();
        let entities = limiter.config().entities_with_limits(resource);
        let row = |entity: EntityId| Some(Named::new(&entity));
        let resource = self.with_custom_limits;
        let total = |count| {
            let none = format!("No entities with custom limits for resource '{resource}'");
            (count == 0).then_some(none)
        };
        listing::print(context, entities, self.part, Form::Names, (row, total)).await
    }
}
