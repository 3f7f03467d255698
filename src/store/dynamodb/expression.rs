//! Puts update and condition expressions together, with a placeholder for every name and value.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{AttributeValue, TransactWriteItem, Update},
};

#[derive(Debug, Default)]
pub(super) struct Expression {
    names: Vec<String>,
    values: Vec<AttributeValue>,
    set: String,
    add: String,
    remove: String,
    conditions: String,
}

/// A number as DynamoDB takes it.
pub(super) fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A text as DynamoDB takes it.
pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A piece of a clause.
#[derive(Clone, Copy)]
enum Piece<'a> {
    Text(&'a str),
    Name(usize),
    Value(usize),
}

use Piece::{Name, Text, Value};

impl Expression {
    pub(super) fn set(&mut self, attribute: &str, value: AttributeValue) {
        let pieces = [self.name(attribute), Text(" = "), self.value(value)];
        append(&mut self.set, ", ", &pieces);
    }

    pub(super) fn add(&mut self, attribute: &str, amount: i64) {
        let pieces = [self.name(attribute), Text(" "), self.value(number(amount))];
        append(&mut self.add, ", ", &pieces);
    }

    pub(super) fn remove(&mut self, attribute: &str) {
        let pieces = [self.name(attribute)];
        append(&mut self.remove, ", ", &pieces);
    }

    /// `comparison` is one of `=`, `<>`, `<`, `<=`, `>`, `>=`.
    pub(super) fn require(&mut self, attribute: &str, comparison: &str, value: AttributeValue) {
        let pieces = [self.name(attribute), Text(" "), Text(comparison), Text(" "), self.value(value)];
        self.condition_of(&pieces);
    }

    /// That it is absent, of another type, or does not compare like that.
    pub(super) fn require_not(&mut self, attribute: &str, comparison: &str, value: AttributeValue) {
        let pieces = [Text("NOT "), self.name(attribute), Text(" "), Text(comparison), Text(" "), self.value(value)];
        self.condition_of(&pieces);
    }

    pub(super) fn require_absent_or(&mut self, attribute: &str, comparison: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        let absent = [Text("(attribute_not_exists("), name, Text(") OR ")];
        append(&mut self.conditions, AND, &absent);
        append(&mut self.conditions, "", &[name, Text(" "), Text(comparison), Text(" "), value, Text(")")]);
    }

    pub(super) fn require_absent(&mut self, attribute: &str) {
        let pieces = [Text("attribute_not_exists("), self.name(attribute), Text(")")];
        self.condition_of(&pieces);
    }

    pub(super) fn require_present(&mut self, attribute: &str) {
        let pieces = [Text("attribute_exists("), self.name(attribute), Text(")")];
        self.condition_of(&pieces);
    }

    pub(super) fn require_any_absent<'a>(&mut self, attributes: impl IntoIterator<Item = &'a str>) {
        let mut before = "(attribute_not_exists(";
        for attribute in attributes {
            let separator = if before.starts_with('(') { AND } else { "" };
            let pieces = [Text(before), self.name(attribute), Text(")")];
            append(&mut self.conditions, separator, &pieces);
            before = " OR attribute_not_exists(";
        }
        self.conditions.push(')');
    }

    /// The update expression.
    pub(super) fn update(&self) -> String {
        let mut update = String::with_capacity(self.set.len() + self.add.len() + self.remove.len() + 16);
        for (word, clauses) in [("SET ", &self.set), ("ADD ", &self.add), ("REMOVE ", &self.remove)] {
            if !clauses.is_empty() {
                append(&mut update, " ", &[Text(word), Text(clauses)]);
            }
        }
        update
    }

    /// The update as an action of a transaction.
    pub(super) fn into_action(
        mut self,
        table: &str,
        key: HashMap<String, AttributeValue>,
    ) -> Result<TransactWriteItem, BuildError> {
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(key))
            .update_expression(self.update())
            .condition_expression(self.condition())
            .set_expression_attribute_names(Some(self.names()))
            .set_expression_attribute_values(Some(self.values()))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// The condition expression.
    pub(super) fn condition(&self) -> String {
        self.conditions.clone()
    }

    /// What the placeholders of names stand for. To be taken once.
    pub(super) fn names(&mut self) -> HashMap<String, String> {
        let names = std::mem::take(&mut self.names).into_iter().enumerate();
        names.map(|(index, name)| (placeholder(Name(index)), name)).collect()
    }

    /// What the placeholders of values stand for.
    pub(super) fn values(self) -> HashMap<String, AttributeValue> {
        let values = self.values.into_iter().enumerate();
        values.map(|(index, value)| (placeholder(Value(index)), value)).collect()
    }

    fn condition_of(&mut self, pieces: &[Piece<'_>]) {
        append(&mut self.conditions, AND, pieces);
    }

    fn name<'a>(&mut self, attribute: &str) -> Piece<'a> {
        let known = self.names.iter().position(|name| name == attribute);
        Name(known.unwrap_or_else(|| {
            self.names.push(attribute.to_owned());
            self.names.len() - 1
        }))
    }

    fn value<'a>(&mut self, value: AttributeValue) -> Piece<'a> {
        self.values.push(value);
        Value(self.values.len() - 1)
    }
}

const AND: &str = " AND ";

fn placeholder(piece: Piece<'_>) -> String {
    let mut placeholder = String::with_capacity(3);
    append(&mut placeholder, "", &[piece]);
    placeholder
}

/// Puts a clause after those that are there.
fn append(clauses: &mut String, separator: &str, pieces: &[Piece<'_>]) {
    if !clauses.is_empty() {
        clauses.push_str(separator);
    }
    for piece in pieces {
        match *piece {
            Text(text) => clauses.push_str(text),
            Name(index) => {
                clauses.push('#');
                push_index(clauses, index);
            }
            Value(index) => {
                clauses.push(':');
                push_index(clauses, index);
            }
        }
    }
}

/// In decimal, without the detour of formatting: there are dozens of them in a write.
fn push_index(clauses: &mut String, index: usize) {
    if index >= 10 {
        push_index(clauses, index / 10);
    }
    // A digit.
    clauses.push(char::from(b'0' + (index % 10) as u8));
}
