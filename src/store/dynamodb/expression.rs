//! Builds update and condition expressions, with a placeholder for every name and value.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{AttributeValue, Delete, TransactWriteItem, Update},
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

/// Returns a number attribute.
pub(super) fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Returns a text attribute.
pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A part of a clause.
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

    /// Requires that the attribute compares with `value`. `comparison` is one of `=`, `<>`, `<`,
    /// `<=`, `>`, `>=`.
    pub(super) fn require(&mut self, attribute: &str, comparison: &str, value: AttributeValue) {
        let pieces = [
            self.name(attribute),
            Text(" "),
            Text(comparison),
            Text(" "),
            self.value(value),
        ];
        self.condition_of(&pieces);
    }

    /// Requires that the attribute is absent, is of another type, or does not compare with `value`.
    pub(super) fn require_not(&mut self, attribute: &str, comparison: &str, value: AttributeValue) {
        let pieces = [
            Text("NOT "),
            self.name(attribute),
            Text(" "),
            Text(comparison),
            Text(" "),
            self.value(value),
        ];
        self.condition_of(&pieces);
    }

    pub(super) fn require_absent_or(
        &mut self,
        attribute: &str,
        comparison: &str,
        value: AttributeValue,
    ) {
        let (name, value) = (self.name(attribute), self.value(value));
        let absent = [Text("(attribute_not_exists("), name, Text(") OR ")];
        append(&mut self.conditions, AND, &absent);
        append(
            &mut self.conditions,
            "",
            &[
                name,
                Text(" "),
                Text(comparison),
                Text(" "),
                value,
                Text(")"),
            ],
        );
    }

    /// Requires that one of the attributes is absent, or compares with its value.
    pub(super) fn require_absent_or_any(&mut self, terms: &[(&str, &str, AttributeValue)]) {
        let mut before = "(attribute_not_exists(";
        for (attribute, comparison, value) in terms {
            let separator = if before.starts_with('(') { AND } else { "" };
            let (name, value) = (self.name(attribute), self.value(value.clone()));
            append(&mut self.conditions, separator, &[Text(before), name]);
            let pieces = [
                Text(") OR "),
                name,
                Text(" "),
                Text(comparison),
                Text(" "),
                value,
            ];
            append(&mut self.conditions, "", &pieces);
            before = " OR attribute_not_exists(";
        }
        self.conditions.push(')');
    }

    pub(super) fn require_absent(&mut self, attribute: &str) {
        let pieces = [
            Text("attribute_not_exists("),
            self.name(attribute),
            Text(")"),
        ];
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

    /// Returns the update expression.
    pub(super) fn update(&self) -> String {
        let mut update =
            String::with_capacity(self.set.len() + self.add.len() + self.remove.len() + 16);
        for (word, clauses) in [
            ("SET ", &self.set),
            ("ADD ", &self.add),
            ("REMOVE ", &self.remove),
        ] {
            if !clauses.is_empty() {
                append(&mut update, " ", &[Text(word), Text(clauses)]);
            }
        }
        update
    }

    /// Converts the expression to an action of a transaction.
    pub(super) fn into_action(
        mut self,
        table: &str,
        key: HashMap<String, AttributeValue>,
    ) -> Result<TransactWriteItem, BuildError> {
        let condition = self.condition();
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(key))
            .update_expression(self.update())
            .set_condition_expression((!condition.is_empty()).then_some(condition))
            .set_expression_attribute_names(Some(self.names()))
            .set_expression_attribute_values(Some(self.values()))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Converts the conditions to the deletion of an item, as an action of a transaction.
    pub(super) fn into_deletion(
        mut self,
        table: &str,
        key: HashMap<String, AttributeValue>,
    ) -> Result<TransactWriteItem, BuildError> {
        let delete = Delete::builder()
            .table_name(table)
            .set_key(Some(key))
            .condition_expression(self.condition())
            .set_expression_attribute_names(Some(self.names()));
        // Conditions without a value need no values, and DynamoDB takes no empty list of them.
        let values = self.values();
        let delete = delete
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .build()?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// Returns the condition expression.
    pub(super) fn condition(&self) -> String {
        self.conditions.clone()
    }

    /// Returns the names by their placeholders. The names are moved out, so call this once.
    pub(super) fn names(&mut self) -> HashMap<String, String> {
        let names = std::mem::take(&mut self.names).into_iter().enumerate();
        names
            .map(|(index, name)| (placeholder(Name(index)), name))
            .collect()
    }

    /// Returns the values by their placeholders.
    pub(super) fn values(self) -> HashMap<String, AttributeValue> {
        let values = self.values.into_iter().enumerate();
        values
            .map(|(index, value)| (placeholder(Value(index)), value))
            .collect()
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

/// Appends a clause.
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

/// Appends a number in decimal, without `format!`, which is slower: a write has dozens of them.
fn push_index(clauses: &mut String, index: usize) {
    if index >= 10 {
        push_index(clauses, index / 10);
    }
    // `index % 10` is one digit.
    clauses.push(char::from(b'0' + (index % 10) as u8));
}
