//! The functions, and their logs.
//!
//! Both functions are the program `tollgate` in one zip file, so CloudFormation needs that file in S3
//! before it can create them, and the stack's own bucket exists only after the stack is created. So a
//! stack is made in two steps: without `FunctionCodeKey` it has everything but the functions; when
//! the zip file is in the bucket of the output `CodeBucketName`, an update with `FunctionCodeKey`
//! adds them. The stream keeps what happens between the two steps, and the aggregator counts it. New
//! code is an update with another key, and a rollback returns to the old object. Give
//! `FunctionCodeBucket` too, and one step is enough.
//!
//! A placeholder in Python, replaced by calls of Lambda, would need one step as well. But then the
//! stack's own template would not describe its functions, and every update of it could put the
//! placeholder back.

use super::{
    archive::{ARCHIVE, CODE},
    conditions::Condition,
    intrinsic::{attribute, reference, stack_name, text},
    section::Resource,
};
use crate::{
    names::{StackFunction, StackRole},
    node::{Node, list, map},
};

/// The logical id of the aggregator's log group.
pub(super) const AGGREGATOR_LOGS: &str = "AggregatorLogGroup";

/// The logical id of the provisioner's log group.
pub(super) const PROVISIONER_LOGS: &str = "ProvisionerLogGroup";

/// Returns the log groups of both functions.
pub(super) fn log_groups() -> [Resource; 2] {
    let group = |id, function: StackFunction| {
        let name = format!("/aws/lambda/${{AWS::StackName}}-{}", function.component());
        let properties = map([
            ("LogGroupName", text(&name)),
            ("RetentionInDays", reference("LogRetentionDays")),
        ]);
        Resource::new(id, "AWS::Logs::LogGroup", properties)
    };
    [
        group(AGGREGATOR_LOGS, StackFunction::Aggregator).only_if(Condition::WantsAggregator),
        group(PROVISIONER_LOGS, StackFunction::Provisioner).only_if(Condition::WantsProvisioner),
    ]
}

/// Returns the function that counts usage. The names in its environment are those of zae-limiter's.
pub(super) fn aggregator() -> Resource {
    let role = Condition::HasAggregatorRoleArn.choose(
        reference("AggregatorRoleArn"),
        attribute(StackRole::Aggregator.logical_id(), "Arn"),
    );
    let environment = map([
        ("TABLE_NAME", reference("AWS::StackName")),
        ("SNAPSHOT_WINDOWS", reference("SnapshotWindows")),
        ("SNAPSHOT_TTL_DAYS", reference("SnapshotRetentionDays")),
        ("ZAE_LIMITER_SCHEMA_VERSION", reference("SchemaVersion")),
        ("ENABLE_ARCHIVAL", reference("EnableAuditArchival")),
        (
            "ARCHIVE_BUCKET_NAME",
            Condition::HasArchive.choose(reference(ARCHIVE), "".into()),
        ),
    ]);
    let mode = Condition::IsTraced.choose("Active".into(), "PassThrough".into());
    let settings = Settings {
        role,
        memory: reference("LambdaMemorySize"),
        timeout: reference("LambdaTimeout"),
        environment,
        tracing: map([("Mode", mode)]),
    };
    function(StackFunction::Aggregator, settings)
        .only_if(Condition::HasAggregator)
        .after(AGGREGATOR_LOGS)
}

/// Returns the function that applies manifests.
pub(super) fn provisioner() -> Resource {
    let settings = Settings {
        role: attribute(StackRole::Provisioner.logical_id(), "Arn"),
        memory: 128.into(),
        timeout: 300.into(),
        environment: map([("TABLE_NAME", reference("AWS::StackName"))]),
        tracing: map([("Mode", "PassThrough".into())]),
    };
    function(StackFunction::Provisioner, settings)
        .only_if(Condition::HasProvisioner)
        .after(PROVISIONER_LOGS)
}

struct Settings {
    role: Node,
    memory: Node,
    timeout: Node,
    environment: Node,
    tracing: Node,
}

fn function(function: StackFunction, settings: Settings) -> Resource {
    let bucket =
        Condition::HasFunctionCodeBucket.choose(reference("FunctionCodeBucket"), reference(CODE));
    let code = map([
        ("S3Bucket", bucket),
        ("S3Key", reference("FunctionCodeKey")),
    ]);
    let properties = map([
        ("FunctionName", stack_name(function.component())),
        ("Runtime", "provided.al2023".into()),
        ("Handler", function.handler().into()),
        ("Architectures", list([reference("FunctionArchitecture")])),
        ("MemorySize", settings.memory),
        ("Timeout", settings.timeout),
        ("Role", settings.role),
        ("TracingConfig", settings.tracing),
        ("Environment", map([("Variables", settings.environment)])),
        ("Code", code),
    ]);
    Resource::new(function.logical_id(), "AWS::Lambda::Function", properties)
}
