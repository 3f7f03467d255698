//! The policies of the guide's page, and what they allow.

use std::collections::BTreeSet;

use tollgate_testkit::policies::{Call, Policy};

use super::recorder::Need;

const PAGE: &str = include_str!("../../../docs/guide/aws.md");

/// The beginning of the ARNs on the page.
pub(super) const ARN: &str = "arn:aws:dynamodb:eu-central-1:111122223333:";

/// A policy of the page.
pub(super) struct Document(Policy);

impl Document {
    /// Returns the policy below the page's heading `heading`.
    pub(super) fn below(heading: &str) -> Self {
        let (_, section) = PAGE
            .split_once(&format!("\n### {heading}\n"))
            .expect("the heading");
        let (_, code) = section.split_once("```json\n").expect("a policy");
        let (code, _) = code.split_once("```").expect("its end");
        Self(Policy::parse(code).unwrap())
    }

    /// Fails if one of `needs` is not allowed, or if an allowed action is not needed.
    pub(super) fn is_just_enough_for(&self, needs: &BTreeSet<Need>) {
        let calls: Vec<Call> = needs.iter().map(call).collect();
        let refused = self.0.refused(&calls);
        assert!(refused.is_empty(), "the page does not allow {refused:?}");
        let unused = self.0.unused(&calls);
        assert!(unused.is_empty(), "nothing needs {unused:?}");
    }
}

/// Returns the call that needs a permission.
pub(super) fn call(need: &Need) -> Call {
    let call = Call::new(need.action.clone(), format!("{ARN}{}", need.resource));
    match &need.leading_key {
        Some(key) => call.leading_key(key.clone()),
        None => call,
    }
}
