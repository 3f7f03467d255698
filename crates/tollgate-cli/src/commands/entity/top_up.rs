//! `tollgate entity top-up`

use clap::Args;
use tollgate::{EntityId, LimitName, Resource};

use super::operation;
use crate::{
    context::Context,
    failure::{Failure, midway},
};

/// Adds tokens to a bucket: to a quota for its period, to another limit up to its capacity
///
/// Give a key, for example the id of the purchase: without one, a command that is repeated after an
/// error may add the tokens twice.
#[derive(Debug, Args)]
pub(crate) struct TopUp {
    /// Entity
    entity: EntityId,
    /// Resource
    #[arg(long, short = 'r')]
    resource: Resource,
    /// Tokens to add, repeatable; `,` and `_` may divide the digits
    #[arg(long = "add", short = 'a', required = true, value_name = "LIMIT:TOKENS", value_parser = amount)]
    amounts: Vec<(LimitName, u64)>,
    /// A repeat with the same key within three days changes nothing
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

fn amount(text: &str) -> Result<(LimitName, u64), String> {
    let (name, tokens) = text
        .split_once(':')
        .ok_or("a colon is missing: LIMIT:TOKENS")?;
    let name: LimitName = name.parse().map_err(|error| format!("{error}"))?;
    let tokens = tokens
        .replace([',', '_'], "")
        .parse()
        .map_err(|_| format!("{tokens:?} is not a whole number of tokens"))?;
    Ok((name, tokens))
}

impl TopUp {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open().await?;
        let buckets = limiter.buckets();
        let mut top_up = buckets.top_up(self.entity, self.resource, self.amounts.clone());
        if let Some(key) = self.idempotency_key {
            top_up = top_up.idempotency_key(key);
        }
        let done = top_up.await.map_err(midway)?;
        operation::print(context, "Topped up", &done)?;
        for (name, asked) in self.amounts {
            let got = done.amount(name.as_str());
            if i128::from(got) < i128::from(asked) {
                eprintln!(
                    "note: {name} got {got} of {asked}: it is filled up to its capacity at most"
                );
            }
        }
        Ok(())
    }
}
