//! The result of a reset or a top-up, as the commands print it.

use serde::Serialize;
use tollgate::model::BucketOperation;

use crate::{context::Context, failure::Failure, limits::thousands, output::Row};

/// A result.
#[derive(Debug, Serialize)]
struct OperationOutput<'a>(&'a BucketOperation);

impl Row for OperationOutput<'_> {
    const COLUMNS: &'static [&'static str] = &[
        "entity",
        "resource",
        "shards",
        "amounts",
        "idempotency_key",
        "is_repeat",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.0.entity.to_string(),
            self.0.resource.to_string(),
            self.0.shards.to_string(),
            amounts(self.0, |amount| format!("{amount:+}")),
            self.0.idempotency_key.clone(),
            self.0.is_repeat.to_string(),
        ]
    }
}

/// Prints a result. `verb` is what was done, in the past.
pub(super) fn print(
    context: &mut Context,
    verb: &str,
    done: &BucketOperation,
) -> Result<(), Failure> {
    let (entity, resource) = (&done.entity, &done.resource);
    let shards = match done.shards {
        1 => "1 shard".to_owned(),
        shards => format!("{shards} shards"),
    };
    let repeat = if done.is_repeat {
        "; an earlier call with this key has done it"
    } else {
        ""
    };
    let amounts = amounts(done, signed);
    let sentence = match done.shards {
        0 => format!("Nothing to do: '{entity}' has no bucket for '{resource}'"),
        _ => format!("{verb} '{entity}' on '{resource}' ({shards}; {amounts}{repeat})"),
    };
    Ok(context.out.done(&sentence, &OperationOutput(done))?)
}

fn amounts(done: &BucketOperation, text: impl Fn(i64) -> String) -> String {
    let amounts = done.amounts.iter();
    let amounts = amounts.map(|(name, amount)| format!("{name}: {}", text(*amount)));
    amounts.collect::<Vec<_>>().join(", ")
}

/// Writes an amount as the Python command does: `+5,000`.
fn signed(amount: i64) -> String {
    let sign = if amount < 0 { '-' } else { '+' };
    format!("{sign}{}", thousands(amount.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::signed;

    #[test]
    fn amounts_have_a_sign_and_commas() {
        assert_eq!(signed(5000), "+5,000");
        assert_eq!(signed(-12), "-12");
        assert_eq!(signed(0), "+0");
    }
}
