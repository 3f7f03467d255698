//! The split of a bucket, as a record of its first shard shows it.

use crate::{
    attributes::{LAST_WRITE, SHARD_COUNT, number_of},
    record::{RecordKind, StreamRecord},
    usage::{BucketName, ShardName},
};

/// The largest number of shards of a bucket.
const MOST_SHARDS: i64 = 32;

/// A bucket that another program has split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The bucket.
    pub bucket: BucketName,
    /// The number of its shards, as its first shard states it.
    pub count: u32,
}

/// Reads a record. Returns `None` if it shows no split, or one by the library, which writes all shards
/// in one transaction.
pub fn split(record: &StreamRecord) -> Option<Split> {
    let (RecordKind::Modify, Some(old), Some(new)) = (record.kind, &record.old, &record.new) else {
        return None;
    };
    let shard = ShardName::of_record(record).filter(|name| name.shard == 0)?;
    let count = number_of(new, SHARD_COUNT).filter(|count| *count <= MOST_SHARDS)?;
    let grown = count > number_of(old, SHARD_COUNT).unwrap_or(1);
    let by_the_library = old.get(LAST_WRITE) != new.get(LAST_WRITE);
    (grown && !by_the_library).then(|| Split {
        bucket: BucketName::of(&shard),
        count: u32::try_from(count).unwrap_or(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        attributes::{STATE, number, text},
        record::{Item, Sequence},
    };

    fn record(hash: &str, counts: [i64; 2], writes: [&str; 2]) -> StreamRecord {
        let item = |count, write| {
            Some(Item::from([
                (SHARD_COUNT.to_owned(), number(count)),
                (LAST_WRITE.to_owned(), text(write)),
            ]))
        };
        StreamRecord {
            kind: RecordKind::Modify,
            time: 1,
            sequence: Sequence::new("1"),
            hash: hash.into(),
            range: STATE.into(),
            old: item(counts[0], writes[0]),
            new: item(counts[1], writes[1]),
        }
    }

    #[test]
    fn only_splits_by_others_are_found() {
        const FIRST: &str = "ns/BUCKET#user-1#api#0";
        let count = |hash, counts, writes| {
            split(&record(hash, counts, writes)).map(|split| (split.bucket.entity, split.count))
        };
        let found = Some(("user-1".to_owned(), 4));
        assert_eq!(count(FIRST, [2, 4], ["a", "a"]), found);
        assert_eq!(count(FIRST, [2, 4], ["a", "b"]), None, "by the library");
        assert_eq!(count(FIRST, [4, 4], ["a", "a"]), None);
        assert_eq!(count(FIRST, [32, 64], ["a", "a"]), None, "too many");
        let second = "ns/BUCKET#user-1#api#1";
        assert_eq!(count(second, [2, 4], ["a", "a"]), None);
        let mut inserted = record(FIRST, [2, 4], ["a", "a"]);
        inserted.kind = RecordKind::Insert;
        assert_eq!(split(&inserted), None);
    }
}
