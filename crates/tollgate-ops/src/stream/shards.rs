//! The shards of a stream.

use aws_sdk_dynamodb::types::StreamViewType;
use aws_sdk_dynamodbstreams::Client;

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
