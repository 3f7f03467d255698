//! Alarms.

use super::super::{
    conditions::Condition,
    intrinsic::{reference, stack_name},
    section::Resource,
};
use crate::node::{Node, list};

/// An alarm of the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AlarmId {
    DeadLetters,
    Errors,
    Duration,
    IteratorAge,
    Idle,
    ArchiveFailures,
    ProvisionerErrors,
    ReadThrottles,
    WriteThrottles,
    ResourceIndexThrottles,
    NamespaceIndexThrottles,
    SystemErrors,
}

impl AlarmId {
    pub(crate) const ALL: [Self; 12] = [
        Self::DeadLetters,
        Self::Errors,
        Self::Duration,
        Self::IteratorAge,
        Self::Idle,
        Self::ArchiveFailures,
        Self::ProvisionerErrors,
        Self::ReadThrottles,
        Self::WriteThrottles,
        Self::ResourceIndexThrottles,
        Self::NamespaceIndexThrottles,
        Self::SystemErrors,
    ];

    pub(crate) fn logical_id(self) -> &'static str {
        match self {
            Self::DeadLetters => "AggregatorDLQAlarm",
            Self::Errors => "LambdaErrorRateAlarm",
            Self::Duration => "LambdaDurationAlarm",
            Self::IteratorAge => "StreamIteratorAgeAlarm",
            Self::Idle => "AggregatorIdleAlarm",
            Self::ArchiveFailures => "ArchiveFailureAlarm",
            Self::ProvisionerErrors => "ProvisionerErrorAlarm",
            Self::ReadThrottles => "DynamoDBReadThrottleAlarm",
            Self::WriteThrottles => "DynamoDBWriteThrottleAlarm",
            Self::ResourceIndexThrottles => "ResourceIndexThrottleAlarm",
            Self::NamespaceIndexThrottles => "NamespaceIndexThrottleAlarm",
            Self::SystemErrors => "TableSystemErrorAlarm",
        }
    }

    /// Returns the end of the export of the alarm's name, if it is one of zae-limiter's alarms. The
    /// names of all alarms are the stack's name and an ending.
    pub(crate) fn export(self) -> Option<&'static str> {
        match self {
            Self::DeadLetters => Some("DLQAlarmName"),
            Self::Errors => Some("LambdaErrorRateAlarmName"),
            Self::Duration => Some("LambdaDurationAlarmName"),
            Self::IteratorAge => Some("StreamIteratorAgeAlarmName"),
            Self::ReadThrottles => Some("ReadThrottleAlarmName"),
            Self::WriteThrottles => Some("WriteThrottleAlarmName"),
            Self::Idle
            | Self::ArchiveFailures
            | Self::ProvisionerErrors
            | Self::ResourceIndexThrottles
            | Self::NamespaceIndexThrottles
            | Self::SystemErrors => None,
        }
    }

    pub(crate) fn condition(self) -> Condition {
        match self {
            Self::DeadLetters | Self::Errors | Self::Duration | Self::IteratorAge => {
                Condition::HasAggregatorAlarms
            }
            Self::Idle => Condition::HasIdleAlarm,
            Self::ArchiveFailures => Condition::HasArchiveAlarm,
            Self::ProvisionerErrors => Condition::HasProvisionerAlarm,
            Self::ReadThrottles
            | Self::WriteThrottles
            | Self::ResourceIndexThrottles
            | Self::NamespaceIndexThrottles
            | Self::SystemErrors => Condition::HasAlarms,
        }
    }

    /// Returns the end of the alarm's name: `{stack}-{name}`.
    fn name(self) -> &'static str {
        match self {
            Self::DeadLetters => "aggregator-dlq-alarm",
            Self::Errors => "aggregator-error-rate",
            Self::Duration => "aggregator-duration",
            Self::IteratorAge => "stream-iterator-age",
            Self::Idle => "aggregator-idle",
            Self::ArchiveFailures => "archive-failures",
            Self::ProvisionerErrors => "provisioner-errors",
            Self::ReadThrottles => "read-throttle",
            Self::WriteThrottles => "write-throttle",
            Self::ResourceIndexThrottles => "resource-index-throttle",
            Self::NamespaceIndexThrottles => "namespace-index-throttle",
            Self::SystemErrors => "system-errors",
        }
    }

    /// Returns the alarm. It fires if the metric is above `above` in each of `periods`.
    pub(super) fn fires(
        self,
        description: &str,
        metric: Vec<(&'static str, Node)>,
        above: impl Into<Node>,
        periods: u32,
    ) -> Resource {
        let mut properties = vec![
            ("AlarmName", stack_name(self.name())),
            ("AlarmDescription", description.into()),
        ];
        properties.extend(metric);
        properties.extend([
            ("ComparisonOperator", "GreaterThanThreshold".into()),
            ("Threshold", above.into()),
            ("EvaluationPeriods", periods.into()),
            ("TreatMissingData", "notBreaching".into()),
            (
                "AlarmActions",
                Condition::HasTopic.only(list([reference("AlarmSNSTopicArn")])),
            ),
        ]);
        let properties = properties
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value));
        Resource::new(
            self.logical_id(),
            "AWS::CloudWatch::Alarm",
            Node::Map(properties.collect()),
        )
        .only_if(self.condition())
    }
}
