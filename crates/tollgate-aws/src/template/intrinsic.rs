//! CloudFormation's functions, in their long form, which JSON and YAML share.

use crate::node::{Node, list, map};

/// Returns the value of a parameter, or the main name of a resource.
pub(super) fn reference(name: &str) -> Node {
    map([("Ref", name.into())])
}

/// Returns an attribute of a resource.
pub(super) fn attribute(resource: &str, name: &str) -> Node {
    map([("Fn::GetAtt", list([resource, name]))])
}

/// Returns a text in which `${…}` is replaced.
pub(super) fn text(pattern: &str) -> Node {
    map([("Fn::Sub", pattern.into())])
}

/// Returns the stack's name with an ending, as most names are.
pub(super) fn stack_name(ending: &str) -> Node {
    text(&format!("${{AWS::StackName}}-{ending}"))
}

/// Returns nothing: the property is left out.
pub(super) fn no_value() -> Node {
    reference("AWS::NoValue")
}

/// Returns one value if the condition with this id holds, else the other.
pub(super) fn if_else(condition: &str, value: Node, otherwise: Node) -> Node {
    map([("Fn::If", list([condition.into(), value, otherwise]))])
}
