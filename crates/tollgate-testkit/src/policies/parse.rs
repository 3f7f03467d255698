//! Reads policies.

use serde_json::{Map, Value};

use super::{
    pattern::is_known,
    policy::{Condition, Policy, Statement},
};

/// The only context key of conditions.
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

/// The reason why a text is no policy, or one that this evaluator does not understand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPolicy(String);

impl std::fmt::Display for UnknownPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the policy cannot be evaluated: {}", self.0)
    }
}

impl std::error::Error for UnknownPolicy {}

type Parsed<T> = Result<T, UnknownPolicy>;

fn unknown<T>(problem: impl Into<String>) -> Parsed<T> {
    Err(UnknownPolicy(problem.into()))
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`UnknownPolicy`] if the text is no JSON, or has a part that is not understood.
    pub fn parse(json: &str) -> Result<Self, UnknownPolicy> {
        let document: Value =
            serde_json::from_str(json).map_err(|error| UnknownPolicy(error.to_string()))?;
        let fields = object(&document, "the document")?;
        only(fields, &["Version", "Id", "Statement"])?;
        if fields.get("Version").and_then(Value::as_str) != Some("2012-10-17") {
            return unknown("its Version is not 2012-10-17");
        }
        let statements = match fields.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().enumerate(),
            _ => return unknown("its Statement is no list"),
        };
        let statements = statements
            .map(|(number, value)| statement(number, value))
            .collect::<Parsed<_>>()?;
        Ok(Self { statements })
    }
}

fn statement(number: usize, value: &Value) -> Parsed<Statement> {
    let fields = object(value, "a statement")?;
    only(
        fields,
        &["Sid", "Effect", "Action", "Resource", "Condition"],
    )?;
    let name = match fields.get("Sid") {
        None => format!("statement {number}"),
        Some(sid) => text(sid)?.to_owned(),
    };
    let allows = match fields.get("Effect").and_then(Value::as_str) {
        Some("Allow") => true,
        Some("Deny") => false,
        _ => return unknown(format!("the Effect of {name} is neither Allow nor Deny")),
    };
    let field = |field: &str| match fields.get(field) {
        Some(value) => texts(value),
        None => unknown(format!("{name} has no {field}")),
    };
    let conditions = match fields.get("Condition") {
        None => Vec::new(),
        Some(value) => object(value, "a condition")?
            .iter()
            .map(|(operator, value)| condition(operator, value))
            .collect::<Parsed<_>>()?,
    };
    Ok(Statement {
        actions: field("Action")?,
        resources: field("Resource")?,
        name,
        allows,
        conditions,
    })
}

fn condition(operator: &str, value: &Value) -> Parsed<Condition> {
    let fields = object(value, operator)?;
    only(fields, &[LEADING_KEYS])?;
    let Some(value) = fields.get(LEADING_KEYS) else {
        return unknown(format!("{operator} names no key"));
    };
    let values = texts(value)?;
    // Patterns without wildcards are equal to one text only.
    let literal = || match values.iter().find(|text| text.contains(['*', '?'])) {
        Some(text) => unknown(format!("{operator} has the wildcard {text}")),
        None => Ok(values.clone()),
    };
    match operator {
        "ForAllValues:StringLike" => Ok(Condition::EveryKey(values)),
        "ForAllValues:StringEquals" => Ok(Condition::EveryKey(literal()?)),
        "StringLike" => Ok(Condition::OneKey(values)),
        "StringEquals" => Ok(Condition::OneKey(literal()?)),
        "Null" => match values.as_slice() {
            [text] if text == "false" => Ok(Condition::HasKeys(true)),
            [text] if text == "true" => Ok(Condition::HasKeys(false)),
            _ => unknown("Null is neither true nor false"),
        },
        _ => unknown(format!("the operator {operator} is not known")),
    }
}

fn object<'a>(value: &'a Value, place: &str) -> Parsed<&'a Map<String, Value>> {
    match value {
        Value::Object(fields) => Ok(fields),
        _ => unknown(format!("{place} is no object")),
    }
}

fn only(fields: &Map<String, Value>, known: &[&str]) -> Parsed<()> {
    match fields.keys().find(|field| !known.contains(&field.as_str())) {
        Some(field) => unknown(format!("the field {field} is not known")),
        None => Ok(()),
    }
}

/// Returns a text, or each text of a list.
fn texts(value: &Value) -> Parsed<Vec<String>> {
    let values = match value {
        Value::Array(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    values
        .iter()
        .map(|value| text(value).map(str::to_owned))
        .collect()
}

fn text(value: &Value) -> Parsed<&str> {
    match value {
        Value::String(text) if is_known(text) => Ok(text),
        Value::String(text) => unknown(format!("the variable in {text} is not known")),
        other => unknown(format!("{other} is no text")),
    }
}
