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

/// Returns the managed policies. They have no description: to change one, CloudFormation would have
/// to replace the policy, and cannot, because its name is taken.
pub(super) fn policies() -> Vec<Resource> {
    let table = TableResource::in_template();
    let policy = |policy: StackPolicy| {
        let properties = map([
            (
                "ManagedPolicyName",
                name(policy.name_parameter(), policy.component()),
            ),
            ("PolicyDocument", table.document(policy).to_node()),
        ]);
        Resource::new(policy.logical_id(), "AWS::IAM::ManagedPolicy", properties)
            .only_if(Condition::HasIam)
    };
    StackPolicy::ALL.map(policy).into()
}

/// Returns the name that a parameter gives, else the stack's name with an ending.
pub(super) fn name(parameter: &str, component: &str) -> Node {
    if_else(
        &has_name(parameter),
        reference(parameter),
        stack_name(component),
    )
}
