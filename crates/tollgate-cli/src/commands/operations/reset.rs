//! The reset of a bucket.

use clap::Args;
use tollgate::{EntityId, LimitName, Resource};

use super::{idempotency::Idempotency, record};
use crate::{change::change, context::Context, failure::Failure};

/// The options of a reset.
#[derive(Debug, Args)]
pub(crate) struct ResetOptions {
    /// Limit to reset, repeatable [default: all]
    #[arg(long = "limit", short = 'l', value_name = "NAME")]
    limits: Vec<LimitName>,
    #[command(flatten)]
    idempotency: Idempotency,
}

impl ResetOptions {
    /// Resets a bucket.
    pub(crate) async fn run(
        self,
        context: &mut Context,
        entity: EntityId,
        resource: Resource,
    ) -> Result<(), Failure> {
        let limiter = context.open().await?;
        let mut reset = limiter.buckets().reset(entity, resource);
        if !self.limits.is_empty() {
            reset = reset.limits(self.limits);
        }
        if let Some(key) = self.idempotency.key {
            reset = reset.idempotency_key(key);
        }
        let done = change(reset).await?;
        record::print(context, "Reset", &done)
    }
}
