//! The pages of one shard of a stream.

use aws_sdk_dynamodbstreams::{
    Client,
    error::SdkError,
    operation::get_records::{GetRecordsError, GetRecordsOutput},
};
use tokio::task::JoinSet;

/// The largest number of records that one call reads.
const PAGE: i32 = 1000;

/// The number of records of a page after which the next one is asked for before it is needed. Pages
/// of large records have fewer than [`PAGE`].
const FULL: usize = 250;

type Answer = Result<GetRecordsOutput, SdkError<GetRecordsError>>;

/// A shard that is read page by page. While the records of a full page are worked on, the next page is
/// on its way.
#[derive(Debug)]
pub(super) struct Pages {
    client: Client,
    /// The iterator of the next page.
    next: String,
    /// The call for it, if that has begun.
    ahead: JoinSet<Answer>,
    /// The number of the last pages that were empty.
    pub(super) empty: u32,
}

impl Pages {
    pub(super) fn new(client: Client, iterator: String) -> Self {
        Self {
            client,
            next: iterator,
            ahead: JoinSet::new(),
            empty: 0,
        }
    }

    /// Reads the next page. If this is not the last one, the pages can be read further.
    pub(super) async fn read(&mut self) -> Answer {
        if self.ahead.is_empty() {
            self.ask();
        }
        let answer = match self.ahead.join_next().await {
            Some(Ok(answer)) => answer?,
            // Only if the runtime ends.
            Some(Err(failed)) => return Err(SdkError::construction_failure(failed)),
            None => return Err(SdkError::construction_failure("no call was made")),
        };
        let records = answer.records().len();
        self.empty = if records == 0 { self.empty + 1 } else { 0 };
        if let Some(next) = answer.next_shard_iterator() {
            next.clone_into(&mut self.next);
            if records >= FULL {
                self.ask();
            }
        }
        Ok(answer)
    }

    fn ask(&mut self) {
        let call = self.client.get_records().shard_iterator(&self.next);
        self.ahead.spawn(call.limit(PAGE).send());
    }
}
