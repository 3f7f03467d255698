//! Prints a look.

use serde::Serialize;

use super::{
    bucket_rates::BucketRates,
    denials::Denied,
    seen::{Seen, StreamReads},
};
use crate::{context::Context, failure::Failure, output::Format, time};

/// A look, as one JSON document.
#[derive(Debug, Serialize)]
struct Document<'a> {
    at: String,
    buckets_read: u64,
    is_sample: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<StreamReads>,
    buckets: &'a [BucketRates],
    denials: &'a [Denied],
}

/// Prints a look, and the denials since the look before.
pub(super) fn print(context: &mut Context, seen: &Seen, denials: &[Denied]) -> Result<(), Failure> {
    let out = &mut context.out;
    let at = time::of_millis(time::now());
    if out.format() == Format::Json {
        return Ok(out.value(&Document {
            at,
            buckets_read: seen.read,
            is_sample: seen.is_sample,
            stream: seen.stream,
            buckets: &seen.rows,
            denials,
        })?);
    }
    let sample = if seen.is_sample {
        "; a SAMPLE: there may be hotter buckets"
    } else {
        ""
    };
    out.line(format!("{at}: {}{sample}", seen.sentence))?;
    let mut table = out.rows();
    for row in &seen.rows {
        table.push(row)?;
    }
    table.finish()?;
    if !denials.is_empty() {
        out.line("Denials per second:")?;
        let mut table = out.rows();
        for row in denials {
            table.push(row)?;
        }
        table.finish()?;
    }
    Ok(())
}
