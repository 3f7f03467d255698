//! `tollgate entity reset`

use clap::Args;
use tollgate::{EntityId, Resource};

use crate::{commands::operations::ResetOptions, context::Context, failure::Failure};

/// Makes a bucket full again, and begins the period of its quotas anew
///
/// The parent's bucket stays as it is.
#[derive(Debug, Args)]
pub(crate) struct Reset {
    /// Entity
    entity: EntityId,
    /// Resource
    #[arg(long, short = 'r')]
    resource: Resource,
    #[command(flatten)]
    options: ResetOptions,
}

impl Reset {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        self.options.run(context, self.entity, self.resource).await
    }
}
