//! The managed policies.

use super::{
    conditions::{Condition, has_name},
    intrinsic::{if_else, reference, stack_name},
    section::Resource,
};
use crate::{
    names::StackPolicy,
    node::{Node, map},
    policy::TableResource,
};

/// Returns the managed policies. To change a description, CloudFormation would have to replace the
/// policy, and cannot, because its name is taken. So they have none, and with the indexes of Python
/// those of the Python library's template, so that a stack of it can be taken over.
pub(super) fn policies() -> Vec<Resource> {
    let table = TableResource::in_template();
    let policy = |policy: StackPolicy| {
        let properties = map([
            (
                "ManagedPolicyName",
                name(policy.name_parameter(), policy.component()),
            ),
            ("PolicyDocument", table.document(policy).to_node()),
            (
                "Description",
                Condition::HasPythonIndexes.only(python_description(policy).into()),
            ),
        ]);
        Resource::new(policy.logical_id(), "AWS::IAM::ManagedPolicy", properties)
            .only_if(Condition::HasIam)
    };
    StackPolicy::ALL.map(policy).into()
}

/// Returns the description of a policy in the template of zae-limiter 0.17.0.
fn python_description(policy: StackPolicy) -> &'static str {
    match policy {
        StackPolicy::AcquireOnly => "Rate limiter acquire-only access (read + transact write)",
        StackPolicy::FullAccess => "Rate limiter full access (all operations)",
        StackPolicy::ReadOnly => "Rate limiter read-only access (monitoring)",
        StackPolicy::NamespaceAcquire => {
            "Namespace-scoped acquire-only access (read + update within namespace)"
        }
        StackPolicy::NamespaceFullAccess => {
            "Namespace-scoped full access (all operations within namespace)"
        }
        StackPolicy::NamespaceReadOnly => {
            "Namespace-scoped read-only access (monitoring within namespace)"
        }
    }
}

/// Returns the name that a parameter gives, else the stack's name with an ending.
pub(super) fn name(parameter: &str, component: &str) -> Node {
    if_else(
        &has_name(parameter),
        reference(parameter),
        stack_name(component),
    )
}
