//! The shards of a stream.

use aws_sdk_dynamodb::types::StreamViewType;
use aws_sdk_dynamodbstreams::Client;

use std::collections::BTreeSet;

use super::position::{Position, Positions};
use crate::{error::OpsError, record::Sequence};

/// A shard of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StreamShard {
    pub(super) id: String,
    /// The shard that this one continues. Its records come first.
    pub(super) parent: Option<String>,
    /// The first sequence number.
    pub(super) first: Option<Sequence>,
}

/// Returns the ARN of a table's stream. One call.
///
/// # Errors
/// [`OpsError::NoStream`] if the table has none, or none with both images; [`OpsError::Aws`] if the
/// call fails.
pub async fn stream_of(client: &aws_sdk_dynamodb::Client, table: &str) -> Result<String, OpsError> {
    let answer = client.describe_table().table_name(table).send().await;
    let answer = answer.map_err(|error| OpsError::aws("DescribeTable", error))?;
    let described = answer.table.as_ref();
    let arn = described.and_then(|table| {
        let specification = table.stream_specification()?;
        let both = specification.stream_view_type() == Some(&StreamViewType::NewAndOldImages);
        (specification.stream_enabled() && both).then(|| table.latest_stream_arn())?
    });
    arn.map(str::to_owned).ok_or_else(|| OpsError::NoStream {
        table: table.to_owned(),
    })
}

/// Reads the list of shards. One call for each 100 shards.
pub(super) async fn list(client: &Client, stream: &str) -> Result<Vec<StreamShard>, OpsError> {
    let (mut shards, mut from) = (Vec::new(), None);
    loop {
        let answer = client
            .describe_stream()
            .stream_arn(stream)
            .set_exclusive_start_shard_id(from)
            .send()
            .await
            .map_err(|error| OpsError::aws("DescribeStream", error))?;
        let Some(description) = answer.stream_description else {
            return Ok(shards);
        };
        for shard in description.shards.unwrap_or_default() {
            let Some(id) = shard.shard_id else {
                continue;
            };
            let range = shard.sequence_number_range;
            shards.push(StreamShard {
                id,
                parent: shard.parent_shard_id,
                first: range
                    .and_then(|range| range.starting_sequence_number)
                    .map(Sequence::new),
            });
        }
        from = description.last_evaluated_shard_id;
        if from.is_none() {
            return Ok(shards);
        }
    }
}

/// Returns the ids of the shards that are not read to their end, and whose parent is, or is gone.
/// So the changes of an item, which move from a shard to its child, are read in their order.
pub(super) fn readable(shards: &[StreamShard], positions: &Positions) -> Vec<String> {
    let ended = |id: &String| positions.get(id) == Some(&Position::Ended);
    let listed: BTreeSet<&String> = shards.iter().map(|shard| &shard.id).collect();
    let ready = |shard: &&StreamShard| {
        let parent = shard.parent.as_ref();
        !ended(&shard.id) && parent.is_none_or(|id| !listed.contains(id) || ended(id))
    };
    let ids = shards.iter().filter(ready);
    ids.map(|shard| shard.id.clone()).collect()
}

/// Returns the shards that the last round has read, and those of the next round: from `next` on, or all.
pub(super) fn round(ids: &[String], next: Option<String>) -> (&[String], &[String]) {
    let begin = next.and_then(|next| ids.iter().position(|id| *id == next));
    ids.split_at(begin.unwrap_or(0))
}

/// Returns the ids of the shards that others continue: they are closed.
pub(super) fn continued(shards: &[StreamShard]) -> BTreeSet<String> {
    let parents = shards.iter().filter_map(|shard| shard.parent.clone());
    parents.collect()
}

/// Returns true if a shard continues one that is deleted and was never read: it was made and deleted
/// since the positions were saved.
pub(super) fn has_unknown_parent(shards: &[StreamShard], positions: &Positions) -> bool {
    let listed: BTreeSet<&String> = shards.iter().map(|shard| &shard.id).collect();
    shards.iter().any(|shard| {
        let parent = shard.parent.as_ref();
        !positions.contains_key(&shard.id)
            && parent.is_some_and(|id| {
                let is_read = matches!(
                    positions.get(id),
                    Some(Position::After { .. } | Position::Ended)
                );
                !listed.contains(id) && !is_read
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_read_after_its_parent() {
        let shard = |id: &str, parent: Option<&str>| StreamShard {
            id: id.into(),
            parent: parent.map(Into::into),
            first: None,
        };
        let shards = [
            shard("child-1", Some("parent")),
            shard("child-2", Some("parent")),
            shard("parent", Some("deleted")),
            shard("other", None),
        ];
        let closed: Vec<String> = continued(&shards).into_iter().collect();
        assert_eq!(closed, ["deleted", "parent"]);
        let closed: Vec<String> = continued(&shards).into_iter().collect();
        assert_eq!(closed, ["deleted", "parent"]);
        let mut positions = Positions::new();
        assert_eq!(readable(&shards, &positions), ["parent", "other"]);
        positions.insert("parent".into(), Position::Ended);
        assert_eq!(
            readable(&shards, &positions),
            ["child-1", "child-2", "other"]
        );
        for id in ["child-1", "child-2", "other"] {
            positions.insert(id.into(), Position::Ended);
        }
        assert_eq!(readable(&shards, &positions), [] as [String; 0]);
    }

    #[test]
    fn a_round_begins_where_the_last_one_ended() {
        let ids = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(round(&ids, None), (&ids[..0], &ids[..]));
        assert_eq!(round(&ids, Some("b".into())), (&ids[..1], &ids[1..]));
        // The shard has ended meanwhile.
        assert_eq!(round(&ids, Some("gone".into())), (&ids[..0], &ids[..]));
    }

    #[test]
    fn a_shard_whose_parent_was_never_read_tells_a_loss() {
        let shards = [StreamShard {
            id: "grandchild".into(),
            parent: Some("child".into()),
            first: None,
        }];
        let of = |id: &str, position| Positions::from([(id.to_owned(), position)]);
        assert!(has_unknown_parent(&shards, &of("parent", Position::Ended)));
        assert!(has_unknown_parent(&shards, &of("child", Position::Start)));
        assert!(!has_unknown_parent(&shards, &of("child", Position::Ended)));
        assert!(!has_unknown_parent(
            &shards,
            &of("grandchild", Position::Start)
        ));
    }
}
