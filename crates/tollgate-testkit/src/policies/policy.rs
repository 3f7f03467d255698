//! Policies and their statements.

use std::collections::BTreeSet;

use super::{call::Call, pattern::matches};

/// A policy in IAM's format.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(super) statements: Vec<Statement>,
}

#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) name: String,
    pub(super) allows: bool,
    pub(super) actions: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) conditions: Vec<Condition>,
}

/// A condition on the partition keys of a call.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    /// Every key matches one of the patterns. True for a call without keys.
    EveryKey(Vec<String>),
    /// The call has one key, which matches one of the patterns.
    OneKey(Vec<String>),
    /// The call has keys, or has none.
    HasKeys(bool),
}

impl Policy {
    /// Returns true if a statement allows the call, and none denies it.
    pub fn allows(&self, call: &Call) -> bool {
        let deciding = || {
            let statements = self.statements.iter();
            statements.filter(|statement| statement.applies_to(call))
        };
        deciding().any(|statement| statement.allows) && deciding().all(|statement| statement.allows)
    }

    /// Returns the calls that are not allowed.
    pub fn refused<'a>(&self, calls: impl IntoIterator<Item = &'a Call>) -> Vec<&'a Call> {
        let calls = calls.into_iter();
        calls.filter(|call| !self.allows(call)).collect()
    }

    /// Returns the actions that no call needs, each after the name of its statement. A call needs the
    /// first statement that allows it.
    pub fn unused<'a>(&self, calls: impl IntoIterator<Item = &'a Call>) -> Vec<(&str, &str)> {
        let mut used = BTreeSet::new();
        for call in calls {
            let allowing = |(_, statement): &(usize, &Statement)| {
                statement.allows && statement.applies_to(call)
            };
            if let Some((number, statement)) = self.statements.iter().enumerate().find(allowing) {
                let actions = statement.actions.iter().enumerate();
                let needed = actions.filter(|(_, action)| is_action(action, call));
                used.extend(needed.map(|(action, _)| (number, action)));
            }
        }
        let statements = self.statements.iter().enumerate();
        statements
            .filter(|(_, statement)| statement.allows)
            .flat_map(|(number, statement)| {
                let actions = statement.actions.iter().enumerate();
                actions.map(move |(action, text)| ((number, action), (&*statement.name, &**text)))
            })
            .filter(|(place, _)| !used.contains(place))
            .map(|(_, names)| names)
            .collect()
    }
}

impl Statement {
    fn applies_to(&self, call: &Call) -> bool {
        let resources = &self.resources;
        self.actions.iter().any(|action| is_action(action, call))
            && resources
                .iter()
                .any(|resource| matches(resource, &call.resource, call))
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(call))
    }
}

impl Condition {
    fn holds(&self, call: &Call) -> bool {
        let is_like = |patterns: &[String], key: &str| {
            let mut patterns = patterns.iter();
            patterns.any(|pattern| matches(pattern, key, call))
        };
        match self {
            Self::EveryKey(patterns) => {
                let mut keys = call.leading_keys.iter();
                keys.all(|key| is_like(patterns, key))
            }
            Self::OneKey(patterns) => match call.leading_keys.as_slice() {
                [key] => is_like(patterns, key),
                _ => false,
            },
            Self::HasKeys(expected) => call.leading_keys.is_empty() != *expected,
        }
    }
}

/// Returns true if the pattern names the call's action. IAM does not tell case apart there.
fn is_action(pattern: &str, call: &Call) -> bool {
    matches(
        &pattern.to_ascii_lowercase(),
        &call.action.to_ascii_lowercase(),
        call,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(statements: &str) -> Policy {
        let json = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
        Policy::parse(&json).unwrap()
    }

    fn get(key: &str) -> Call {
        Call::new("dynamodb:GetItem", "arn:table/t").leading_key(key)
    }

    #[test]
    fn what_no_statement_allows_is_refused() {
        let policy = policy(
            r#"{"Effect": "Allow", "Action": "dynamodb:get*", "Resource": ["arn:table/t", "arn:table/u"]}"#,
        );
        assert!(policy.allows(&get("a")));
        assert!(!policy.allows(&Call::new("dynamodb:PutItem", "arn:table/t")));
        assert!(!policy.allows(&Call::new("dynamodb:GetItem", "arn:table/v")));
        let (allowed, refused) = (get("a"), Call::new("s3:GetObject", "arn:table/t"));
        assert_eq!(policy.refused([&allowed, &refused]), [&refused]);
    }

    #[test]
    fn a_denial_outweighs_everything() {
        let policy = policy(
            r#"{"Effect": "Allow", "Action": "*", "Resource": "*"},
               {"Effect": "Deny", "Action": "dynamodb:GetItem", "Resource": "*",
                "Condition": {"StringEquals": {"dynamodb:LeadingKeys": "secret"}}}"#,
        );
        assert!(policy.allows(&get("open")));
        assert!(!policy.allows(&get("secret")));
    }

    #[test]
    fn for_all_values_is_true_without_a_value_unless_null_says_otherwise() {
        let like = r#""ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["a/*", "b/*"]}"#;
        let statement = |condition: &str| {
            format!(
                r#"{{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {{{condition}}}}}"#
            )
        };
        let alone = policy(&statement(like));
        let null = r#""Null": {"dynamodb:LeadingKeys": "false"}"#;
        let both = policy(&statement(&format!("{like}, {null}")));
        for (keys, of_alone, of_both) in [
            (vec![], true, false),
            (vec!["a/1"], true, true),
            (vec!["a/1", "b/2"], true, true),
            (vec!["a/1", "c/2"], false, false),
        ] {
            let keys = keys.iter();
            let call = keys.fold(Call::new("x:Y", "r"), |call, key| call.leading_key(*key));
            assert_eq!(alone.allows(&call), of_alone, "{call:?}");
            assert_eq!(both.allows(&call), of_both, "{call:?}");
        }
    }

    #[test]
    fn actions_that_no_call_needs_are_listed() {
        let policy = policy(
            r#"{"Sid": "Read", "Effect": "Allow", "Action": ["a:Get", "a:List"], "Resource": "*"},
               {"Effect": "Allow", "Action": ["a:Get", "a:Put"], "Resource": "*"}"#,
        );
        let calls = [Call::new("a:Get", "r"), Call::new("a:Put", "r")];
        assert_eq!(
            policy.unused(&calls),
            [("Read", "a:List"), ("statement 1", "a:Get")]
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let statement = |rest: &str| {
            format!(
                r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "*", "Resource": "*"{rest}}}]}}"#
            )
        };
        assert!(Policy::parse(&statement("")).is_ok());
        for rest in [
            r#", "NotAction": "a:B""#,
            r#", "Condition": {"Bool": {"dynamodb:LeadingKeys": "true"}}"#,
            r#", "Condition": {"StringLike": {"aws:SourceIp": "1"}}"#,
            r#", "Condition": {"StringEquals": {"dynamodb:LeadingKeys": "a*"}}"#,
            r#", "Condition": {"StringLike": {"dynamodb:LeadingKeys": "${aws:username}/*"}}"#,
            r#", "Condition": {"Null": {"dynamodb:LeadingKeys": "no"}}"#,
        ] {
            let error = Policy::parse(&statement(rest)).unwrap_err();
            assert!(error.to_string().contains("cannot be evaluated"), "{error}");
        }
        assert!(Policy::parse("{}").is_err());
        assert!(Policy::parse("[").is_err());
    }
}
