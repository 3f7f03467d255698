//! Reads of several shards at once, and what all of them hold together.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{
    error::Unavailable,
    limiter::gate::{gate::Gate, shards::Image},
    model::{LimitStatus, Limits, plan},
    store::StoreError,
};

pub(crate) fn statuses(
    images: &[Image],
    limits: &Limits,
    amounts: &[i64],
    now: i64,
) -> Vec<LimitStatus> {
    plan::statuses_of_shards(&seen(images), limits, amounts, now)
}

pub(crate) fn seen(images: &[Image]) -> Vec<plan::ShardView<'_>> {
    images
        .iter()
        .map(|image| (&image.bucket, &image.pending))
        .collect()
}

/// Reads of several shards, all at once, in the limiter's own runtime.
pub(crate) struct ShardReads(Vec<Result<Image, Coming>>);

/// The shard as the store returns it.
type Coming = oneshot::Receiver<Result<Option<Image>, StoreError>>;

impl ShardReads {
    /// Starts to read the shards. With `anew`, all are read. Otherwise a shard is skipped if it was
    /// seen a short time ago, and with `ever` also if it was seen at any time.
    pub(crate) fn begin(gates: &[Arc<Gate>], anew: bool, ever: bool) -> Self {
        let look = |gate: &Arc<Gate>| {
            let known = if ever {
                gate.image()
            } else {
                gate.fresh_image()
            };
            known
                .filter(|_| !anew)
                .ok_or_else(|| gate.call_soon(|gate| async move { gate.look().await }))
        };
        Self(gates.iter().map(look).collect())
    }

    /// Waits for the reads, and returns the shards. `None` stands for a shard that does not exist.
    pub(crate) async fn end(self) -> Result<Vec<Option<Image>>, Unavailable> {
        let mut images = Vec::with_capacity(self.0.len());
        for look in self.0 {
            images.push(match look {
                Ok(image) => Some(image),
                Err(answer) => answer
                    .await
                    .map_err(|_| Unavailable::RuntimeGone)?
                    .map_err(Unavailable::Store)?,
            });
        }
        Ok(images)
    }
}
