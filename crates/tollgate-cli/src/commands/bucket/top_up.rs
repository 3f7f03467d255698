//! `tollgate bucket top-up`

use clap::Args;
use tollgate::{EntityId, Resource};

use crate::{commands::operations::TopUpOptions, context::Context, failure::Failure};

/// Adds tokens to a bucket: to a quota for its period, to another limit up to its capacity
///
/// Give a key, for example the id of the purchase: without one, a command that is repeated after an
/// error may add the tokens twice.
#[derive(Debug, Args)]
pub(crate) struct TopUp {
    /// Entity
    entity: EntityId,
    /// Resource
    resource: Resource,
    #[command(flatten)]
    options: TopUpOptions,
}

impl TopUp {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        self.options.run(context, self.entity, self.resource).await
    }
}
