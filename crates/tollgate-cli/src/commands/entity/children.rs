//! `tollgate entity children`

use clap::Args;
use tollgate::{EntityId, model::Entity};

use super::record::EntityRecord;
use crate::{
    commands::listing::{self, Form, Part},
    context::Context,
    failure::Failure,
};

/// Lists the entities whose parent is this one
#[derive(Debug, Args)]
pub(crate) struct Children {
    /// Parent
    entity: EntityId,
    #[command(flatten)]
    part: Part,
}

impl Children {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open().await?;
        let children = limiter.entities().children(&self.entity);
        let row = |child: Entity| Some(EntityRecord::new(&child));
        let total = |count| Some(format!("Total: {count} child(ren)"));
        listing::print(context, children, self.part, Form::Table, (row, total)).await
    }
}
