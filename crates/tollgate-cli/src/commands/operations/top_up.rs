//! The top-up of a bucket.

use std::collections::BTreeMap;

use clap::Args;
use tollgate::{EntityId, LimitName, Resource, model::BucketOperation};

use super::{idempotency::Idempotency, record};
use crate::{change::change, context::Context, failure::Failure, limits, stderr};

/// The options of a top-up.
#[derive(Debug, Args)]
pub(crate) struct TopUpOptions {
    /// Tokens to add, repeatable; `,` and `_` may divide the digits
    #[arg(long = "add", short = 'a', required = true, value_name = "LIMIT:TOKENS", value_parser = limits::amount)]
    amounts: Vec<(LimitName, u64)>,
    #[command(flatten)]
    idempotency: Idempotency,
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
        if let Some(key) = self.idempotency.key {
            top_up = top_up.idempotency_key(key);
        }
        let done = change(top_up).await?;
        record::print(context, "Topped up", &done)?;
        for note in notes(&done, &self.amounts) {
            stderr::line(&note);
        }
        Ok(())
    }
}

/// Returns a note for each limit that got other tokens than were asked for.
fn notes(done: &BucketOperation, amounts: &[(LimitName, u64)]) -> Vec<String> {
    let mut asked: BTreeMap<&LimitName, i128> = BTreeMap::new();
    for (name, tokens) in amounts {
        *asked.entry(name).or_default() += i128::from(*tokens);
    }
    let note = |(name, asked): (&LimitName, i128)| {
        let got = i128::from(done.amount(name.as_str()));
        if done.shards == 0 || got == asked {
            return None;
        }
        Some(if done.is_repeat {
            format!("note: {name} got {got}, not {asked}: the earlier call with this key counts")
        } else {
            format!("note: {name} got {got} of {asked}: it is filled up to its capacity at most")
        })
    };
    asked.into_iter().filter_map(note).collect()
}
