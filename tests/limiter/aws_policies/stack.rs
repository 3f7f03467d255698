//! The policies of the stack allow what the roles do that have them.

use std::collections::BTreeSet;

use tollgate_aws::{StackPolicy, policy::TableResource};
use tollgate_testkit::policies::{Call, Policy};

use super::{
    STACK,
    document::{ARN, call},
    recorder::Need,
};

/// The tag by which a caller belongs to a namespace.
const TAG: &str = "zael_namespace_id";

/// The beginning of the registry's keys.
const REGISTRY: &str = "_/";

fn policy(policy: StackPolicy) -> Policy {
    let table = TableResource::new(format!("{ARN}table/{STACK}"));
    Policy::parse(&table.document(policy).to_json().unwrap()).unwrap()
}

/// Fails if a policy of the table refuses one of `needs`.
pub(super) fn allows(tier: StackPolicy, needs: &BTreeSet<Need>) {
    let calls: Vec<Call> = needs.iter().map(call).collect();
    let policy = policy(tier);
    let refused = policy.refused(&calls);
    assert!(refused.is_empty(), "{tier:?} does not allow {refused:?}");
}

/// Fails if a policy of a namespace refuses one of `needs` to a caller of the namespace, except the
/// description of the table, or if it allows a caller of another namespace more than the registry.
pub(super) fn allows_in_its_namespace(tier: StackPolicy, needs: &BTreeSet<Need>) {
    let keys = || needs.iter().filter_map(|need| need.leading_key.as_deref());
    let namespaces: BTreeSet<_> = keys()
        .filter(|key| !key.starts_with(REGISTRY))
        .filter_map(|key| key.split_once('/'))
        .map(|(namespace, _)| namespace)
        .collect();
    let namespaces: Vec<_> = namespaces.into_iter().collect();
    let [own] = namespaces.as_slice() else {
        panic!("one namespace: {namespaces:?}");
    };
    let policy = policy(tier);
    for need in needs {
        let key = need.leading_key.as_deref();
        let of_table = key.is_none();
        let shared = key.is_some_and(|key| key.starts_with(REGISTRY));
        let by = |namespace: &str| policy.allows(&call(need).principal_tag(TAG, namespace));
        assert_eq!(by(own), !of_table, "{tier:?}: {need:?}");
        assert_eq!(by("AnotherOne1"), shared, "{tier:?}: {need:?}");
    }
}
