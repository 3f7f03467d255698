//! A template as CloudFormation sees it, once it knows the values of its parameters.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tollgate_aws::Template;

/// The values of parameters that differ from their defaults.
pub(crate) type Values = BTreeMap<&'static str, String>;

/// Returns the template.
pub(crate) fn template() -> Value {
    let json = Template::new().to_json().unwrap();
    serde_json::from_str(&json).unwrap()
}

/// A template with the values of its parameters.
pub(crate) struct Resolved<'a> {
    template: &'a Value,
    values: Map<String, Value>,
    conditions: BTreeMap<String, bool>,
}

impl<'a> Resolved<'a> {
    pub(crate) fn new(template: &'a Value, values: &Values) -> Self {
        let mut all = Map::new();
        for (name, parameter) in template["Parameters"].as_object().unwrap() {
            all.insert(name.clone(), parameter["Default"].clone());
        }
        for (name, value) in values {
            let old = all.insert((*name).to_owned(), value.clone().into());
            assert!(old.is_some(), "the template has no parameter {name}");
        }
        let mut resolved = Self {
            template,
            values: all,
            conditions: BTreeMap::new(),
        };
        let conditions = template["Conditions"].as_object().unwrap();
        resolved.conditions = conditions
            .iter()
            .map(|(name, definition)| (name.clone(), resolved.holds(definition)))
            .collect();
        resolved
    }

    /// Returns the resources that are created.
    pub(crate) fn resources(&self) -> BTreeMap<String, Value> {
        self.present("Resources")
    }

    /// Returns the outputs that there are.
    pub(crate) fn outputs(&self) -> BTreeMap<String, Value> {
        self.present("Outputs")
    }

    fn present(&self, section: &str) -> BTreeMap<String, Value> {
        let entries = self.template[section].as_object().unwrap();
        let is_there = |entry: &Value| {
            let condition = entry.get("Condition").map(|name| name.as_str().unwrap());
            condition.is_none_or(|name| self.conditions[name])
        };
        entries
            .iter()
            .filter(|(_, entry)| is_there(entry))
            .map(|(id, entry)| (id.clone(), self.resolve(entry).expect("an entry")))
            .collect()
    }

    /// Returns true if a condition holds.
    fn holds(&self, condition: &Value) -> bool {
        let (function, arguments) = only_entry(condition).expect("a condition");
        let all = || arguments.as_array().expect("arguments");
        match function {
            "Condition" => {
                self.holds(&self.template["Conditions"][arguments.as_str().expect("a name")])
            }
            "Fn::Equals" => self.text(&all()[0]) == self.text(&all()[1]),
            "Fn::Not" => !self.holds(&all()[0]),
            "Fn::And" => all().iter().all(|condition| self.holds(condition)),
            "Fn::Or" => all().iter().any(|condition| self.holds(condition)),
            other => panic!("a condition may not use {other}"),
        }
    }

    fn text(&self, value: &Value) -> String {
        let value = match only_entry(value) {
            Some(("Ref", name)) => &self.values[name.as_str().expect("a name")],
            _ => value,
        };
        match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// Chooses the values of `Fn::If`, and puts parameters in their places. Other functions stay. Returns
    /// nothing for `AWS::NoValue`.
    fn resolve(&self, value: &Value) -> Option<Value> {
        match only_entry(value) {
            Some(("Fn::If", arguments)) => {
                let condition = arguments[0].as_str().expect("a condition");
                let chosen = if self.conditions[condition] { 1 } else { 2 };
                return self.resolve(&arguments[chosen]);
            }
            Some(("Ref", name)) if name == "AWS::NoValue" => return None,
            Some(("Ref", name)) => {
                let parameter = self.values.get(name.as_str().expect("a name"));
                return Some(parameter.unwrap_or(value).clone());
            }
            Some(("Fn::Sub", pattern)) => {
                let mut text = pattern.as_str().expect("a pattern").to_owned();
                for name in self.values.keys() {
                    text =
                        text.replace(&format!("${{{name}}}"), &self.text(&json!({ "Ref": name })));
                }
                return Some(json!({ "Fn::Sub": text }));
            }
            _ => {}
        }
        Some(match value {
            Value::Array(items) => items.iter().filter_map(|item| self.resolve(item)).collect(),
            Value::Object(entries) => {
                let resolve =
                    |(key, value): (&String, &Value)| Some((key.clone(), self.resolve(value)?));
                Value::Object(entries.iter().filter_map(resolve).collect())
            }
            other => other.clone(),
        })
    }
}

/// Returns the key and the value of a map with one entry, as functions are written.
pub(crate) fn only_entry(value: &Value) -> Option<(&str, &Value)> {
    let entries = value.as_object()?;
    let (key, value) = entries.iter().next()?;
    (entries.len() == 1).then_some((key, value))
}
