//! The write pressure on an item, which shows if the item is written as often as it can be.

/// The pause before the next try to split a bucket, ms.
pub(super) const PAUSE: i64 = 1000;

/// The time for which an item must be written as often as it can be, without a pause, before its
/// bucket is split, ms. Until then, pacing may still lower the rate. Shards are never merged again,
/// and each shard costs writes of its own.
const SUSTAINED: i64 = 1000;

/// The time for which an item counts as under pressure after the pressure was last seen, ms.
const SUBSIDED: i64 = 15_000;

/// The number of writes a second that counts as the most that an item takes. DynamoDB takes 1000.
const HOT: i64 = 900;

/// The shortest time over which writes are counted, ms.
const COUNTED_OVER: i64 = 500;

/// The write pressure on a bucket's item.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WritePressure {
    /// The first and the last time at which the store throttled the item, in the present period of
    /// pressure; epoch ms.
    since: i64,
    last: i64,
    /// The time since which every count of writes was at least [`HOT`], epoch ms; 0 if the last
    /// count was lower.
    hot_since: i64,
    /// The time at which the writes of the item were last counted, and their total number then, in
    /// thousandths.
    counted_at: i64,
    count: i64,
}

impl WritePressure {
    /// Returns `true` if the item was under pressure a short time ago.
    pub(super) fn is_recent(self, now: i64) -> bool {
        let last = if self.hot_since == 0 {
            self.last
        } else {
            self.last.max(self.counted_at)
        };
        now.saturating_sub(last) <= SUBSIDED
    }

    /// Notes the total number of writes of the item, in thousandths. Returns `true` if the item has
    /// been written as often as it can be for [`SUSTAINED`].
    pub(super) fn counts(&mut self, count: i64, now: i64) -> bool {
        let passed = now.saturating_sub(self.counted_at);
        if (0..COUNTED_OVER).contains(&passed) {
            return false;
        }
        let writes = count.saturating_sub(self.count);
        let known = std::mem::replace(&mut self.counted_at, now) != 0;
        self.count = count;
        if !known || writes < HOT.saturating_mul(passed) {
            self.hot_since = 0;
            return false;
        }
        if self.hot_since == 0 {
            self.hot_since = now;
        }
        now.saturating_sub(self.hot_since) >= SUSTAINED
    }

    /// Notes that the store throttles the item. Returns `true` if the store has throttled the item
    /// for [`SUSTAINED`].
    pub(super) fn is_throttled(&mut self, now: i64) -> bool {
        if now.saturating_sub(self.last) > SUBSIDED {
            self.since = now;
        }
        self.last = now;
        now.saturating_sub(self.since) >= SUSTAINED
    }
}
