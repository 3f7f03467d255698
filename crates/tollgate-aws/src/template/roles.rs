//! The roles.

use super::{
    conditions::Condition,
    functions::{AGGREGATOR_LOGS, PROVISIONER_LOGS},
    intrinsic::{attribute, reference, text},
    permissions::name,
    section::Resource,
};
use crate::{
    names::{StackPolicy, StackRole},
    node::{Node, list, map},
    policy::{self, FunctionResources, PolicyDocument},
};

/// Returns the roles of the functions.
pub(super) fn function_roles() -> [Resource; 2] {
    let parts = FunctionResources::in_template();
    let aggregator = [
        inline("Aggregate", &parts.aggregator()),
        inline("Log", &policy::logging(attribute(AGGREGATOR_LOGS, "Arn"))),
        Condition::HasArchive.only(inline("Archive", &parts.archive())),
        Condition::IsTraced.only(inline("Trace", &policy::tracing())),
    ];
    let provisioner = [
        inline("Provision", &parts.provisioner()),
        inline("Log", &policy::logging(attribute(PROVISIONER_LOGS, "Arn"))),
    ];
    [
        function_role(StackRole::Aggregator, list(aggregator))
            .only_if(Condition::CreatesAggregatorRole),
        function_role(StackRole::Provisioner, list(provisioner)).only_if(Condition::CanProvision),
    ]
}

/// Returns the roles of services, administrators and dashboards. Whoever in the account may assume
/// roles can assume them.
pub(super) fn access_roles() -> [Resource; 3] {
    let role = |role: StackRole, kind: &str, policy: StackPolicy| {
        let account = text("arn:${AWS::Partition}:iam::${AWS::AccountId}:root");
        let properties = map([
            ("RoleName", name(role.name_parameter(), role.component())),
            ("PermissionsBoundary", boundary()),
            ("AssumeRolePolicyDocument", trust("AWS", account)),
            ("ManagedPolicyArns", list([reference(policy.logical_id())])),
            (
                "Tags",
                list([tag("Application", "tollgate"), tag("Role", kind)]),
            ),
        ]);
        Resource::new(role.logical_id(), "AWS::IAM::Role", properties)
            .only_if(Condition::HasAccessRoles)
    };
    [
        role(StackRole::App, "app", StackPolicy::AcquireOnly),
        role(StackRole::Admin, "admin", StackPolicy::FullAccess),
        role(StackRole::ReadOnly, "readonly", StackPolicy::ReadOnly),
    ]
}

/// Returns the ARN of the permission boundary, for the condition that there is one.
pub(super) fn boundary_arn() -> Node {
    let by_name =
        text("arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${PermissionBoundaryName}");
    Condition::HasBoundaryArn.choose(reference("PermissionBoundary"), by_name)
}

fn boundary() -> Node {
    Condition::HasBoundary.only(boundary_arn())
}

fn function_role(role: StackRole, policies: Node) -> Resource {
    let properties = map([
        ("RoleName", name(role.name_parameter(), role.component())),
        ("PermissionsBoundary", boundary()),
        (
            "AssumeRolePolicyDocument",
            trust("Service", "lambda.amazonaws.com".into()),
        ),
        ("Policies", policies),
    ]);
    Resource::new(role.logical_id(), "AWS::IAM::Role", properties)
}

fn inline(name: &str, document: &PolicyDocument) -> Node {
    map([
        ("PolicyName", name.into()),
        ("PolicyDocument", document.to_node()),
    ])
}

/// Returns the document that says who may assume a role.
fn trust(kind: &str, who: Node) -> Node {
    let statement = map([
        ("Effect", "Allow".into()),
        ("Principal", map([(kind, who)])),
        ("Action", "sts:AssumeRole".into()),
    ]);
    map([
        ("Version", policy::LANGUAGE.into()),
        ("Statement", list([statement])),
    ])
}

fn tag(key: &str, value: &str) -> Node {
    map([("Key", key.into()), ("Value", value.into())])
}
