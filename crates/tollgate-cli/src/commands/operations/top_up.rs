//! The top-up of a bucket.

use clap::Args;
use tollgate::{EntityId, LimitName, Resource};

use super::record;
use crate::{change::change, context::Context, failure::Failure, limits, stderr};

/// The options of a top-up.
#[derive(Debug, Args)]
pub(crate) struct TopUpOptions {
    /// Tokens to add, repeatable; `,` and `_` may divide the digits
    #[arg(long = "add", short = 'a', required = true, value_name = "LIMIT:TOKENS", value_parser = limits::amount)]
    amounts: Vec<(LimitName, u64)>,
    /// A repeat with the same key within three days changes nothing
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl TopUpOptions {
    /// Adds the tokens to a bucket.
    pub(crate) async fn run(
        self,
        context: &mut Context,
        entity: EntityId,
        resource: Resource,
    ) -> Result<(), Failure> {
        let limiter = context.open().await?;
        let buckets = limiter.buckets();
        let mut top_up = buckets.top_up(entity, resource, self.amounts.clone());
        if let Some(key) = self.idempotency_key {
            top_up = top_up.idempotency_key(key);
        }
        let done = change(top_up).await?;
        record::print(context, "Topped up", &done)?;
        for (name, asked) in self.amounts {
            let got = done.amount(name.as_str());
            if i128::from(got) < i128::from(asked) {
                stderr::line(&format!(
                    "note: {name} got {got} of {asked}: it is filled up to its capacity at most"
                ));
            }
        }
        Ok(())
    }
}
