//! Writes of bucket items.

use std::collections::BTreeMap;

/// A write of one item.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    /// The worker that sent the write.
    pub(crate) worker: usize,
    /// The partition key of the item.
    pub(crate) item: String,
    /// The times at which the write was sent to the engine and answered: epoch µs. The engine did
    /// the write between these times.
    pub(crate) sent: i64,
    pub(crate) answered: i64,
    /// The millitokens that the write adds to the consumption counter of each limit.
    pub(crate) charges: BTreeMap<String, i64>,
    /// `Some(true)` if the engine did the write. `None` if the answer was lost on the way from the
    /// engine.
    pub(crate) done: Option<bool>,
    /// The item after the write, if the answer contains the item.
    pub(crate) image: Option<Image>,
}

/// The image of a bucket's item, or of one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    /// `rf`: the time up to which the levels are refilled, epoch ms.
    pub(crate) refilled_at: i64,
    pub(crate) shards: i64,
    /// The levels by limit.
    pub(crate) levels: BTreeMap<String, Level>,
}

/// One limit of an item: millitokens and ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) tokens: i64,
    pub(crate) capacity: i64,
    pub(crate) amount: i64,
    pub(crate) period: i64,
    pub(crate) consumed: i64,
    /// `fr`: the remainder of the last division.
    pub(crate) remainder: i64,
}

impl Image {
    /// Returns the millitokens that the item holds of a limit at `now` (epoch ms): its tokens plus
    /// the refill since then, at most the capacity. Only for an item that is not split.
    pub(crate) fn holds(&self, limit: &str, now: i64) -> Option<i64> {
        let level = self.levels.get(limit)?;
        let elapsed = i128::from((now - self.refilled_at).max(0));
        let due = (elapsed * i128::from(level.amount) + i128::from(level.remainder))
            / i128::from(level.period.max(1));
        let held = (i128::from(level.tokens) + due).min(i128::from(level.capacity));
        i64::try_from(held).ok()
    }
}

/// Returns the bucket of the item with this partition key: `entity#resource`. `None` if the item is
/// not a bucket shard.
pub(crate) fn bucket_of(item: &str) -> Option<&str> {
    let (_, bucket) = item.split_once("/BUCKET#")?;
    Some(bucket.rsplit_once('#')?.0)
}
