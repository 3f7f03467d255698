//! Reads of shards, several at once, and what all of them hold together.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{
    error::Unavailable,
    limiter::gate::gate::Gate,
    model::{
        BucketState, LimitStatus, Limits,
        plan::{self, LedgerDelta},
    },
    store::StoreError,
};

/// The last image of a shard, and the changes that are not written to it yet.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) bucket: BucketState,
    pub(crate) pending: LedgerDelta,
}

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

impl Gate {
    /// Returns the last image of the shard, unless it has expired.
    pub(crate) fn image(&self) -> Option<Image> {
        let now = self.context.clock.now();
        self.peek(now, |state| {
            let bucket = state.seen.live(now)?.clone();
            Some(Image {
                bucket,
                pending: state.pending.clone(),
            })
        })
    }

    /// Returns the image of the shard if it is fresh enough to deny requests by it.
    pub(crate) fn fresh_image(&self) -> Option<Image> {
        let (now, trusted_for) = (
            self.context.clock.now(),
            self.context.settings.deny_from_memory,
        );
        let fresh = self.peek(now, |state| state.is_fresh(now, trusted_for));
        self.image().filter(|_| fresh)
    }

    /// Reads the shard from the store. One round trip.
    pub(crate) async fn look(&self) -> Result<Option<Image>, StoreError> {
        let bucket = self.read().await?;
        self.learn(bucket.as_ref());
        let mut state = self.lock();
        self.miss(&state, bucket.as_ref());
        state.saw(bucket, self.context.now());
        drop(state);
        Ok(self.image())
    }
}

/// Reads of several shards, all at once, in the limiter's own runtime.
pub(crate) struct ShardReads(Vec<Result<Image, Coming>>);

/// A read that is under way, of a shard that may not exist.
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
