//! Prints a look.

use serde::Serialize;

use super::{bucket_rates::BucketRates, denials::Denied, look::Look};
use crate::{context::Context, failure::Failure, time};

/// A look, as one JSON document.
#[derive(Debug, Serialize)]
struct Document<'a> {
    at: String,
    buckets_read: u64,
    is_sample: bool,
    buckets: &'a [BucketRates],
    denials: &'a [Denied],
}

/// Prints a look, and the denials since the look before.
pub(super) fn print(
    context: &mut Context,
    look: Look,
    denials: Vec<Denied>,
    sample: Option<u64>,
) -> Result<(), Failure> {
    let out = &mut context.out;
    let at = time::of_millis(time::now());
    let (read, seconds, kept) = (look.read(), look.seconds(), look.kept_bytes());
    let is_sample = sample.is_some_and(|most| read >= most);
    let rows = look.into_rows();
    if out.is_json() {
        return Ok(out.value(&Document {
            at,
            buckets_read: read,
            is_sample,
            buckets: &rows,
            denials: &denials,
        })?);
    }
    let sample = if is_sample {
        "; a SAMPLE: there may be hotter buckets"
    } else {
        ""
    };
    out.line(format!(
        "{at}: {read} buckets read in {seconds:.1} s, {kept} bytes kept{sample}"
    ))?;
    let mut table = out.rows();
    for row in &rows {
        table.push(row)?;
    }
    table.finish()?;
    if !denials.is_empty() {
        out.line("Denials per second:")?;
        let mut table = out.rows();
        for row in &denials {
            table.push(row)?;
        }
        table.finish()?;
    }
    Ok(())
}
