//! `tollgate entity reset`

use clap::Args;
use tollgate::{EntityId, LimitName, Resource};

use super::operation;
use crate::{
    context::Context,
    failure::{Failure, midway},
};

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
    /// Limit to reset, repeatable [default: all]
    #[arg(long = "limit", short = 'l', value_name = "NAME")]
    limits: Vec<LimitName>,
    /// A repeat with the same key within three days changes nothing
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl Reset {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open().await?;
        let mut reset = limiter.buckets().reset(self.entity, self.resource);
        if !self.limits.is_empty() {
            reset = reset.limits(self.limits);
        }
        if let Some(key) = self.idempotency_key {
            reset = reset.idempotency_key(key);
        }
        let done = reset.await.map_err(midway)?;
        operation::print(context, "Reset", &done)
    }
}
