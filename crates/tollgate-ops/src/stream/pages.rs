//! The pages of one shard of a stream.

use aws_sdk_dynamodbstreams::{
    Client,
    error::SdkError,
    operation::get_records::{GetRecordsError, GetRecordsOutput},
};

/// The largest number of records that one call reads.
const PAGE: i32 = 1000;

/// A shard that is read page by page.
#[derive(Debug)]
pub(super) struct Pages {
    /// The iterator of the next page.
    next: String,
    /// The number of the last pages that were empty.
    pub(super) empty: u32,
}

impl Pages {
    pub(super) fn new(iterator: String) -> Self {
        Self {
            next: iterator,
            empty: 0,
        }
    }

    /// Reads the next page.
    pub(super) async fn read(
        &mut self,
        client: &Client,
    ) -> Result<GetRecordsOutput, SdkError<GetRecordsError>> {
        let call = client.get_records().shard_iterator(&self.next);
        let answer = call.limit(PAGE).send().await?;
        self.empty = if answer.records().is_empty() {
            self.empty + 1
        } else {
            0
        };
        if let Some(next) = answer.next_shard_iterator() {
            next.clone_into(&mut self.next);
        }
        Ok(answer)
    }
}
