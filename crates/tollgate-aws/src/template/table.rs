//! The table.

use super::{conditions::Condition, indexes, intrinsic::reference, section::Resource};
use crate::node::map;

/// The table's logical id.
pub(crate) const TABLE: &str = "RateLimitsTable";

/// Returns the table. It is kept when the stack is deleted, it can always be restored to a point in
/// time, and by default DynamoDB refuses to delete it.
pub(super) fn table() -> Resource {
    let recovery_days = reference("PITRRecoveryPeriodDays");
    let properties = map([
        ("TableName", reference("AWS::StackName")),
        ("BillingMode", "PAY_PER_REQUEST".into()),
        (
            "DeletionProtectionEnabled",
            Condition::IsProtected.choose(true.into(), false.into()),
        ),
        ("AttributeDefinitions", indexes::attributes()),
        ("KeySchema", indexes::keys("PK", "SK")),
        ("GlobalSecondaryIndexes", indexes::global()),
        ("LocalSecondaryIndexes", indexes::local()),
        (
            "TimeToLiveSpecification",
            map([("AttributeName", "ttl".into()), ("Enabled", true.into())]),
        ),
        (
            "StreamSpecification",
            map([("StreamViewType", "NEW_AND_OLD_IMAGES".into())]),
        ),
        (
            "PointInTimeRecoverySpecification",
            map([
                ("PointInTimeRecoveryEnabled", true.into()),
                (
                    "RecoveryPeriodInDays",
                    Condition::HasRecoveryPeriod.only(recovery_days),
                ),
            ]),
        ),
    ]);
    Resource::new(TABLE, "AWS::DynamoDB::Table", properties).kept()
}
