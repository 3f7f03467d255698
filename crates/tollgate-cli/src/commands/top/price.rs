//! The price of a read of the whole table.

use tollgate::RateLimiter;

use crate::{confirm::confirm, context::Context, failure::Failure};

/// The bytes that one eventually consistent read unit reads.
const BYTES_OF_A_UNIT: u64 = 8192;

/// Says what a read of the whole table costs, and asks if it may be done.
pub(super) async fn agree(context: &mut Context, limiter: &RateLimiter) -> Result<(), Failure> {
    let store = limiter.status().await.store;
    let price = match (store.items, store.bytes) {
        (Some(items), Some(bytes)) => format!(
            "about {} read units ({items} items, {bytes} bytes, counted some hours ago)",
            bytes.div_ceil(BYTES_OF_A_UNIT)
        ),
        _ => "a number of read units that is not known (the table cannot be described)".to_owned(),
    };
    let price = format!("Each look reads the whole table: {price}.");
    if context.options.yes {
        return Ok(context.out.line(price)?);
    }
    confirm(
        &context.options,
        &format!("{price} --resource, --entity-id, --parent and --sample cost less. Go on?"),
    )
}
