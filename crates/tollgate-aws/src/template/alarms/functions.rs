//! Alarms of the functions, their queue and their archive.

use super::{
    super::{
        conditions::Condition,
        functions::AGGREGATOR_LOGS,
        intrinsic::{attribute, reference, text},
        queue::DEAD_LETTERS,
        section::Resource,
    },
    alarm::AlarmId,
    metric::{self, Metric},
    table::of_table,
};
use crate::{
    names::{ARCHIVE_FAILED, StackFunction},
    node::{Node, list, map},
};

/// The metric that the filter below makes of the log.
const ARCHIVE_FAILURES: &str = "ArchiveFailures";

pub(super) fn alarms() -> Vec<Resource> {
    let messages = Metric::sum("AWS/SQS", "ApproximateNumberOfMessagesVisible")
        .statistic("Maximum")
        .of("QueueName", attribute(DEAD_LETTERS, "QueueName"));
    let duration = of(StackFunction::Aggregator, "Duration").statistic("Average");
    let age = of(StackFunction::Aggregator, "IteratorAge").statistic("Maximum");
    let failures = Metric::sum(metrics_of_stack(), ARCHIVE_FAILURES);
    vec![
        AlarmId::DeadLetters.fires(
            "The aggregator could not count some records: their batches are in its queue",
            messages.properties(),
            0,
            1,
        ),
        AlarmId::Errors.fires(
            "The aggregator fails: Lambda repeats its batches",
            of(StackFunction::Aggregator, "Errors").properties(),
            1,
            2,
        ),
        AlarmId::Duration.fires(
            "The aggregator comes near its timeout",
            duration.properties(),
            reference("LambdaDurationThreshold"),
            2,
        ),
        AlarmId::IteratorAge.fires(
            "Usage is counted more than 30 seconds late",
            age.properties(),
            30_000,
            2,
        ),
        AlarmId::Idle.fires(
            "The table is written to, and the aggregator sees no records",
            idle(),
            0,
            3,
        ),
        AlarmId::ArchiveFailures.fires(
            "Expired events of the history could not be archived",
            failures.properties(),
            0,
            1,
        ),
        AlarmId::ProvisionerErrors.fires(
            "The provisioner fails: a manifest of limits may be applied in part",
            of(StackFunction::Provisioner, "Errors").properties(),
            0,
            1,
        ),
    ]
}

/// Returns the filter that counts the aggregator's log lines about failures of the archive.
pub(super) fn archive_failures() -> Resource {
    let transformation = map([
        ("MetricNamespace", metrics_of_stack()),
        ("MetricName", ARCHIVE_FAILURES.into()),
        ("MetricValue", "1".into()),
    ]);
    let pattern = format!("{{ $.event = \"{ARCHIVE_FAILED}\" }}");
    let properties = map([
        ("LogGroupName", reference(AGGREGATOR_LOGS)),
        ("FilterPattern", pattern.into()),
        ("MetricTransformations", list([transformation])),
    ]);
    Resource::new(
        "ArchiveFailureFilter",
        "AWS::Logs::MetricFilter",
        properties,
    )
    .only_if(Condition::HasArchiveAlarm)
}

/// Returns 1 for each period in which the table took more than a few writes, and the function was
/// not called. Denied requests write nothing, and deployments write little.
fn idle() -> Vec<(&'static str, Node)> {
    metric::expression(
        "IF(FILL(writes, 0) > 100 AND FILL(calls, 0) == 0, 1, 0)",
        [
            ("writes", of_table("ConsumedWriteCapacityUnits")),
            ("calls", of(StackFunction::Aggregator, "Invocations")),
        ],
    )
}

fn of(function: StackFunction, name: &'static str) -> Metric {
    Metric::sum("AWS/Lambda", name).of("FunctionName", reference(function.logical_id()))
}

fn metrics_of_stack() -> Node {
    text("Tollgate/${AWS::StackName}")
}
