//! Puts update and condition expressions together, with a placeholder for every name and value.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

#[derive(Debug, Default)]
pub(super) struct Expression {
    names: Vec<String>,
    values: Vec<AttributeValue>,
    set: Vec<String>,
    add: Vec<String>,
    remove: Vec<String>,
    conditions: Vec<String>,
}

/// A number as DynamoDB takes it.
pub(super) fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A text as DynamoDB takes it.
pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

impl Expression {
    pub(super) fn set(&mut self, attribute: &str, value: AttributeValue) {
        let clause = format!("{} = {}", self.name(attribute), self.value(value));
        self.set.push(clause);
    }

    pub(super) fn add(&mut self, attribute: &str, amount: i64) {
        let clause = format!("{} {}", self.name(attribute), self.value(number(amount)));
        self.add.push(clause);
    }

    pub(super) fn remove(&mut self, attribute: &str) {
        let clause = self.name(attribute);
        self.remove.push(clause);
    }

    /// `comparison` is one of `=`, `<>`, `<`, `<=`, `>`, `>=`.
    pub(super) fn require(&mut self, attribute: &str, comparison: &str, value: AttributeValue) {
        let condition = self.compare(attribute, comparison, value);
        self.conditions.push(condition);
    }

    /// That it is absent, of another type, or does not compare like that.
    pub(super) fn require_not(&mut self, attribute: &str, comparison: &str, value: AttributeValue) {
        let condition = format!("NOT {}", self.compare(attribute, comparison, value));
        self.conditions.push(condition);
    }

    pub(super) fn require_absent_or(&mut self, attribute: &str, comparison: &str, value: AttributeValue) {
        let name = self.name(attribute);
        let condition = format!("(attribute_not_exists({name}) OR {})", self.compare(attribute, comparison, value));
        self.conditions.push(condition);
    }

    pub(super) fn require_absent(&mut self, attribute: &str) {
        let condition = format!("attribute_not_exists({})", self.name(attribute));
        self.conditions.push(condition);
    }

    pub(super) fn require_present(&mut self, attribute: &str) {
        let condition = format!("attribute_exists({})", self.name(attribute));
        self.conditions.push(condition);
    }

    pub(super) fn require_either_absent(&mut self, one: &str, other: &str) {
        let (one, other) = (self.name(one), self.name(other));
        self.conditions.push(format!("(attribute_not_exists({one}) OR attribute_not_exists({other}))"));
    }

    /// The update expression.
    pub(super) fn update(&self) -> String {
        let clauses = [("SET", &self.set), ("ADD", &self.add), ("REMOVE", &self.remove)];
        let clauses = clauses.into_iter().filter(|(_, parts)| !parts.is_empty());
        clauses.map(|(word, parts)| format!("{word} {}", parts.join(", "))).collect::<Vec<_>>().join(" ")
    }

    /// The condition expression.
    pub(super) fn condition(&self) -> String {
        self.conditions.join(" AND ")
    }

    pub(super) fn names(&self) -> HashMap<String, String> {
        self.names.iter().enumerate().map(|(index, name)| (format!("#{index}"), name.clone())).collect()
    }

    pub(super) fn values(self) -> HashMap<String, AttributeValue> {
        self.values.into_iter().enumerate().map(|(index, value)| (format!(":{index}"), value)).collect()
    }

    fn compare(&mut self, attribute: &str, comparison: &str, value: AttributeValue) -> String {
        format!("{} {comparison} {}", self.name(attribute), self.value(value))
    }

    fn name(&mut self, attribute: &str) -> String {
        let index = match self.names.iter().position(|name| name == attribute) {
            Some(index) => index,
            None => {
                self.names.push(attribute.to_owned());
                self.names.len() - 1
            }
        };
        format!("#{index}")
    }

    fn value(&mut self, value: AttributeValue) -> String {
        self.values.push(value);
        format!(":{}", self.values.len() - 1)
    }
}
