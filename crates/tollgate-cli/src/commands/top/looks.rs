//! The looks of a command, one after the other.

use std::time::Duration;

use tollgate::RateLimiter;

use super::{ranking::Sort, row_looks::RowLooks, seen::Seen, stream_looks::StreamLooks};
use crate::failure::Failure;

/// The source of the looks.
#[derive(Debug)]
pub(super) enum Looks {
    Rows(RowLooks, RateLimiter),
    Stream(Box<StreamLooks>),
}

impl Looks {
    /// Waits for `interval` since the look before, and looks again.
    pub(super) async fn next(
        &mut self,
        interval: Duration,
        sort: Sort,
        most: usize,
    ) -> Result<Seen, Failure> {
        match self {
            Self::Rows(looks, limiter) => {
                tokio::time::sleep(interval).await;
                looks.look(limiter, sort, most).await
            }
            Self::Stream(looks) => looks.look(interval, sort, most).await,
        }
    }
}
