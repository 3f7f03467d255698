//! Streams of tokens, as language models send them.

use std::time::Duration;

use tollgate::{Lease, LimitName};

use super::amount::Amount;

/// The time between two steps of a stream.
const STEP: Duration = Duration::from_millis(100);

/// A stream of tokens whose length nobody knows before its end.
///
/// A call reserves an estimate, adjusts its lease when the stream has used more, and settles it to
/// the used tokens at the end. The latency of the call is that of the reservation.
#[derive(Clone, Debug)]
pub struct TokenStream {
    limit: LimitName,
    estimate: u64,
    length: Amount,
    per_second: u64,
}

impl TokenStream {
    /// Returns a stream that reserves `estimate` tokens of `limit`, and has a `length` of tokens, of
    /// which `per_second` come in a second. At least one comes.
    pub fn new(
        limit: LimitName,
        estimate: u64,
        length: impl Into<Amount>,
        per_second: u64,
    ) -> Self {
        Self {
            limit,
            estimate,
            length: length.into(),
            per_second: per_second.max(1),
        }
    }

    /// Returns the limit and the reserved tokens.
    pub(super) fn reservation(&self) -> (&LimitName, u64) {
        (&self.limit, self.estimate)
    }

    /// Lets the tokens come, and settles the lease to them.
    ///
    /// # Errors
    /// The errors of the lease.
    pub(super) async fn flow(&self, lease: &mut Lease) -> Result<(), tollgate::Error> {
        let length = self.length.pick();
        let (mut come, mut reserved) = (0, self.estimate);
        while come < length {
            let step = self.next_step(length - come);
            tokio::time::sleep(self.time_of(step)).await;
            come += step;
            if come > reserved {
                let more = i64::try_from(come - reserved).unwrap_or(i64::MAX);
                lease.adjust(self.limit.as_str(), more)?;
                reserved = come;
            }
        }
        lease.settle(self.limit.as_str(), length)?;
        Ok(())
    }

    fn next_step(&self, left: u64) -> u64 {
        let millis = u64::try_from(STEP.as_millis()).unwrap_or(u64::MAX);
        (self.per_second.saturating_mul(millis) / 1000).clamp(1, left)
    }

    fn time_of(&self, tokens: u64) -> Duration {
        Duration::from_nanos(tokens.saturating_mul(1_000_000_000) / self.per_second)
    }
}
