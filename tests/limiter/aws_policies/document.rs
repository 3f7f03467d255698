//! The policies of the guide's page, and what they allow.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::recorder::Need;

const PAGE: &str = include_str!("../../../docs/guide/aws.md");

/// A policy in IAM's format.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Document {
    #[serde(rename = "Version")]
    _version: String,
    statement: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    sid: String,
    effect: String,
    action: Vec<String>,
    resource: Vec<String>,
    #[serde(default)]
    condition: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

impl Document {
    /// Returns the policy below the page's heading `heading`.
    pub(super) fn below(heading: &str) -> Self {
        let (_, section) = PAGE
            .split_once(&format!("\n### {heading}\n"))
            .expect("the heading");
        let (_, code) = section.split_once("```json\n").expect("a policy");
        let (code, _) = code.split_once("```").expect("its end");
        serde_json::from_str(code).expect("a policy that IAM understands")
    }

    /// Fails if one of `needs` is not allowed, or if an allowed action is not needed.
    pub(super) fn is_just_enough_for(&self, needs: &BTreeSet<Need>) {
        let mut used = BTreeSet::new();
        for need in needs {
            let allows = |statement: &&Statement| statement.allows(need);
            let statement = self.statement.iter().find(allows);
            let statement = statement.unwrap_or_else(|| panic!("the page does not allow {need:?}"));
            used.insert((statement.sid.as_str(), need.action.as_str()));
        }
        for statement in &self.statement {
            for action in &statement.action {
                assert!(
                    used.contains(&(&*statement.sid, action)),
                    "nothing needs {action} of {}",
                    statement.sid
                );
            }
        }
    }
}

impl Statement {
    fn allows(&self, need: &Need) -> bool {
        assert_eq!(self.effect, "Allow");
        let resource = |pattern: &String| {
            let pattern = pattern.rsplit_once(':').expect("an ARN").1;
            matches(pattern, &need.resource)
        };
        self.action.contains(&need.action)
            && self.resource.iter().any(resource)
            && self.key_is_allowed(need)
    }

    fn key_is_allowed(&self, need: &Need) -> bool {
        self.condition.iter().all(|(operator, conditions)| {
            conditions.iter().all(|(key, value)| {
                assert_eq!(key, "dynamodb:LeadingKeys");
                match operator.as_str() {
                    "ForAllValues:StringLike" => {
                        let patterns: Vec<String> =
                            serde_json::from_value(value.clone()).expect("patterns");
                        let leading = need.leading_key.as_deref();
                        leading.is_none_or(|leading| {
                            patterns.iter().any(|pattern| matches(pattern, leading))
                        })
                    }
                    // The key exists.
                    "Null" if value == "false" => need.leading_key.is_some(),
                    other => panic!("an operator that this test does not know: {other} {value}"),
                }
            })
        })
    }
}

/// Returns true if `text` matches `pattern`, in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len())
                .filter_map(|from| rest.get(from..))
                .any(|rest| matches(after, rest))
        }),
    }
}
