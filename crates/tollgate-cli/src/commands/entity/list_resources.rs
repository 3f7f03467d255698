//! `tollgate entity list-resources`

use clap::Args;

use super::scope::ALL;
use crate::{commands::names, context::Context, failure::Failure};

/// Lists the resources for which some entity has limits of its own
///
/// `_default_` stands for limits that an entity has for all resources. Two round trips after
/// opening.
#[derive(Debug, Args)]
pub(crate) struct ListResources {}

impl ListResources {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open().await?;
        let config = limiter.config();
        let mut names = Vec::new();
        if config
            .entities_with_limits(None)
            .next()
            .await
            .transpose()?
            .is_some()
        {
            names.push(ALL.to_owned());
        }
        let resources = config.resources_with_entity_limits().await?;
        names.extend(resources.iter().map(ToString::to_string));
        context.out.line(if names.is_empty() {
            "No resources with entity-level custom limits"
        } else {
            "Resources with entity-level custom limits:"
        })?;
        names::print(context, "  ", names)
    }
}
