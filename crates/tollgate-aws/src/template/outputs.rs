//! The outputs, each exported as `{stack}-{export}`.

use super::{
    alarms::AlarmId,
    archive::{ARCHIVE, CODE},
    conditions::Condition,
    intrinsic::{attribute, reference, stack_name},
    queue::DEAD_LETTERS,
    roles::boundary_arn,
    table::TABLE,
};
use crate::{
    names::{StackFunction, StackPolicy, StackRole},
    node::{Node, map},
};

/// Returns the outputs. Their names and exports are those of zae-limiter's template.
pub(super) fn outputs() -> Node {
    let mut all = vec![
        output("TableName", "TableName", None, reference(TABLE)),
        output("TableArn", "TableArn", None, attribute(TABLE, "Arn")),
        output(
            "StreamArn",
            "StreamArn",
            None,
            attribute(TABLE, "StreamArn"),
        ),
    ];
    all.extend(functions());
    all.extend(buckets_and_queue());
    all.extend(iam());
    all.extend(AlarmId::ALL.into_iter().filter_map(|alarm| {
        let name = format!("{}Name", alarm.logical_id());
        let (condition, value) = (Some(alarm.condition()), reference(alarm.logical_id()));
        Some(output(&name, alarm.export()?, condition, value))
    }));
    Node::Map(all)
}

fn functions() -> Vec<Output> {
    let function = |function: StackFunction, export: &str, condition| {
        let id = function.logical_id();
        [
            output(
                &format!("{id}Arn"),
                &format!("{export}Arn"),
                Some(condition),
                attribute(id, "Arn"),
            ),
            output(
                &format!("{id}Name"),
                &format!("{export}Name"),
                Some(condition),
                reference(id),
            ),
        ]
    };
    let aggregator = function(
        StackFunction::Aggregator,
        "Aggregator",
        Condition::HasAggregator,
    );
    let provisioner = function(
        StackFunction::Provisioner,
        "Provisioner",
        Condition::HasProvisioner,
    );
    aggregator.into_iter().chain(provisioner).collect()
}

fn buckets_and_queue() -> Vec<Output> {
    let (queue, archive) = (
        Some(Condition::WantsAggregator),
        Some(Condition::HasArchive),
    );
    let code = Some(Condition::HasCodeBucket);
    vec![
        output("AggregatorDLQUrl", "DLQUrl", queue, reference(DEAD_LETTERS)),
        output(
            "AggregatorDLQArn",
            "DLQArn",
            queue,
            attribute(DEAD_LETTERS, "Arn"),
        ),
        output(
            "AuditArchiveBucketName",
            "AuditArchiveBucketName",
            archive,
            reference(ARCHIVE),
        ),
        output(
            "AuditArchiveBucketArn",
            "AuditArchiveBucketArn",
            archive,
            attribute(ARCHIVE, "Arn"),
        ),
        output("CodeBucketName", "CodeBucketName", code, reference(CODE)),
    ]
}

fn iam() -> Vec<Output> {
    let policies = StackPolicy::ALL.map(|policy| {
        let name = format!("{}Arn", policy.logical_id());
        let arn = reference(policy.logical_id());
        output(&name, &name, Some(Condition::HasIam), arn)
    });
    let access = [StackRole::App, StackRole::Admin, StackRole::ReadOnly];
    let roles = access.into_iter().flat_map(|role| {
        let (id, condition) = (role.logical_id(), Some(Condition::HasAccessRoles));
        let (arn, name) = (format!("{id}Arn"), format!("{id}Name"));
        [
            output(&arn, &arn, condition, attribute(id, "Arn")),
            output(&name, &name, condition, reference(id)),
        ]
    });
    let names = [
        output(
            "PermissionBoundaryArn",
            "PermissionBoundaryArn",
            Some(Condition::HasBoundary),
            boundary_arn(),
        ),
        output(
            "RoleNameFormat",
            "RoleNameFormat",
            Some(Condition::HasRoleNameFormat),
            reference("RoleNameFormat"),
        ),
    ];
    policies.into_iter().chain(roles).chain(names).collect()
}

type Output = (String, Node);

fn output(name: &str, export: &str, condition: Option<Condition>, value: Node) -> Output {
    let mut entries = Vec::new();
    if let Some(condition) = condition {
        entries.push(("Condition".to_owned(), condition.id().into()));
    }
    entries.push(("Value".to_owned(), value));
    entries.push(("Export".to_owned(), map([("Name", stack_name(export))])));
    (name.to_owned(), Node::Map(entries))
}
