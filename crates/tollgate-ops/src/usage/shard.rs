//! The bucket shard whose consumption a record shows.

use crate::{attributes::STATE, record::StreamRecord};

/// The number of shards that a bucket can have.
const MOST_SHARDS: u32 = 32;

/// The names of a bucket shard, as its key holds them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardName {
    /// The id of the namespace.
    pub namespace: String,
    /// The entity.
    pub entity: String,
    /// The resource.
    pub resource: String,
    /// The number of the shard.
    pub shard: u32,
}

impl ShardName {
    /// Returns the bucket shard that a record changes. `None` if it changes another item.
    pub fn of_record(record: &StreamRecord) -> Option<Self> {
        if record.range != STATE {
            return None;
        }
        Self::of_key(&record.hash)
    }

    /// Reads the partition key `{namespace}/BUCKET#{entity}#{resource}#{shard}`. Returns `None` if
    /// it is the key of something else. No name contains `#`.
    pub fn of_key(hash: &str) -> Option<Self> {
        let (namespace, rest) = hash.split_once('/')?;
        let mut parts = rest.strip_prefix("BUCKET#")?.split('#');
        let (entity, resource, shard) = (parts.next()?, parts.next()?, parts.next()?);
        let shard = shard.parse().ok().filter(|shard| *shard < MOST_SHARDS)?;
        let whole = parts.next().is_none() && ![namespace, entity, resource].contains(&"");
        whole.then(|| Self {
            namespace: namespace.to_owned(),
            entity: entity.to_owned(),
            resource: resource.to_owned(),
            shard,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_bucket_shards_are_read() {
        let shard = ShardName::of_key("abc/BUCKET#user-1#openai/gpt-4#3").unwrap();
        assert_eq!(
            (shard.namespace.as_str(), shard.entity.as_str()),
            ("abc", "user-1")
        );
        assert_eq!((shard.resource.as_str(), shard.shard), ("openai/gpt-4", 3));
        for other in [
            "abc/ENTITY#user-1",
            "abc/BUCKET#user-1#api",
            "abc/BUCKET#user-1#api#x",
            "abc/BUCKET#user-1#api#99",
            "abc/BUCKET#user-1#api#0#1",
            "abc/BUCKET##api#0",
            "BUCKET#user-1#api#0",
        ] {
            assert_eq!(ShardName::of_key(other), None, "{other}");
        }
    }
}
