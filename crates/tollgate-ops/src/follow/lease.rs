//! The lease: of all aggregators of a table, one works.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::update_item::{UpdateItemError, UpdateItemOutput},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;
use ulid::Ulid;

use super::checkpoint::Checkpoint;
use crate::{
    attributes::{PK, REGISTRY_KEY, SK, number, number_of, text, text_of},
    error::OpsError,
    record::Item,
};

/// The sort key of the item with the lease and the checkpoint.
pub const AGGREGATOR: &str = "#AGGREGATOR";

pub(super) const OWNER: &str = "owner";
pub(super) const HELD_UNTIL: &str = "lease_until";

/// The right to write a table's checkpoint, for some time after each write of it.
///
/// The lease saves work. It is not what keeps the sums exact: two aggregators that work at the same
/// time count every change once.
#[derive(Debug)]
pub struct Lease {
    client: Client,
    table: String,
    owner: String,
    duration: Duration,
}

impl Lease {
    /// Takes the lease under an id of its own. Returns it with the checkpoint, if there is one. One
    /// write unit.
    ///
    /// # Errors
    /// [`OpsError::Held`] if another aggregator has it; [`OpsError::Unreadable`] if the checkpoint is
    /// of a newer version; [`OpsError::Aws`] if the call fails.
    pub async fn take(
        client: Client,
        table: &str,
        duration: Duration,
    ) -> Result<(Self, Option<Checkpoint>), OpsError> {
        let owner = Ulid::generate().to_string();
        Self::take_as(client, table, owner, duration).await
    }

    /// Takes the lease as `owner`. If the same owner has it, it is renewed: it must be certain that
    /// the aggregator that took it before is gone.
    ///
    /// # Errors
    /// The errors of [`take`](Self::take).
    pub async fn take_as(
        client: Client,
        table: &str,
        owner: impl Into<String>,
        duration: Duration,
    ) -> Result<(Self, Option<Checkpoint>), OpsError> {
        let lease = Self {
            client,
            table: table.to_owned(),
            owner: owner.into(),
            duration,
        };
        let now = millis(SystemTime::now());
        let answer = lease
            .update(
                lease.end(),
                "attribute_not_exists(#pk) OR #until <= :now OR #owner = :owner",
                None,
            )
            .expression_attribute_names("#pk", PK)
            .expression_attribute_values(":now", number(now))
            .send()
            .await;
        let item = match refused(answer)? {
            Ok(output) => output.attributes.unwrap_or_default(),
            Err(item) => {
                let until = number_of(&item, HELD_UNTIL).unwrap_or(0);
                return Err(OpsError::Held {
                    owner: text_of(&item, OWNER).unwrap_or("?").to_owned(),
                    until: Timestamp::from_millisecond(until)
                        .map_or_else(|_| until.to_string(), |until| until.to_string()),
                });
            }
        };
        let checkpoint = Checkpoint::decode(&item).ok_or_else(|| OpsError::Unreadable {
            key: AGGREGATOR.to_owned(),
        })?;
        Ok((lease, checkpoint))
    }

    /// Writes the checkpoint, and keeps the lease. One write unit for each KB: about 10 shards.
    ///
    /// # Errors
    /// [`OpsError::TakenOver`] if the lease is lost; [`OpsError::Aws`] if the call fails.
    pub async fn save(&self, checkpoint: &Checkpoint) -> Result<(), OpsError> {
        self.write(checkpoint, self.end()).await
    }

    /// Writes the checkpoint, and ends the lease.
    ///
    /// # Errors
    /// The errors of [`save`](Self::save).
    pub async fn end_with(self, checkpoint: &Checkpoint) -> Result<(), OpsError> {
        self.write(checkpoint, 0).await
    }

    async fn write(&self, checkpoint: &Checkpoint, until: i64) -> Result<(), OpsError> {
        let answer = self.update(until, "#owner = :owner", Some(checkpoint));
        match refused(answer.send().await)? {
            Ok(_) => Ok(()),
            Err(_) => Err(OpsError::TakenOver),
        }
    }

    fn update(
        &self,
        until: i64,
        condition: &str,
        checkpoint: Option<&Checkpoint>,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        let mut set = "SET #owner = :owner, #until = :until".to_owned();
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PK, text(REGISTRY_KEY))
            .key(SK, text(AGGREGATOR))
            .condition_expression(condition)
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_names("#until", HELD_UNTIL)
            .expression_attribute_values(":owner", text(&*self.owner))
            .expression_attribute_values(":until", number(until))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        for (name, value) in checkpoint.into_iter().flat_map(Checkpoint::encode) {
            set.push_str(&format!(", #{name} = :{name}"));
            request = request
                .expression_attribute_names(format!("#{name}"), name)
                .expression_attribute_values(format!(":{name}"), value);
        }
        request.update_expression(set)
    }

    fn end(&self) -> i64 {
        millis(SystemTime::now() + self.duration)
    }
}

pub(super) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Returns the answer, or the item that did not meet the condition.
pub(super) fn refused(
    answer: Result<UpdateItemOutput, SdkError<UpdateItemError>>,
) -> Result<Result<UpdateItemOutput, Item>, OpsError> {
    match answer {
        Ok(output) => Ok(Ok(output)),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                Ok(Err(refused.item.clone().unwrap_or_default()))
            }
            _ => Err(OpsError::aws("UpdateItem", error)),
        },
    }
}
