//! Mappings: with keys that are known, or with names as keys.

use std::collections::HashMap;

use super::{
    reader::Reader,
    scalar::{is_misread, shown},
};
use crate::{
    source::Place,
    yaml::{Node, Value},
};

/// The fields of a mapping that has known keys only.
#[derive(Debug)]
pub(super) struct Fields<'n> {
    found: HashMap<&'n str, (&'n Node, &'n Node)>,
}

impl<'n> Fields<'n> {
    /// Returns the value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.found.get(key).map(|(_, value)| *value)
    }

    /// Returns the place of a key.
    pub(super) fn key(&self, key: &str) -> Option<Place> {
        self.found.get(key).map(|(key, _)| key.place)
    }
}

impl Reader<'_> {
    /// Returns the fields of a mapping whose keys must be of `known`. `what` names it in faults.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        let mut found = HashMap::new();
        for (key, value) in self.pairs(node, what)? {
            let Some(name) = self.key_text(key) else {
                continue;
            };
            if known.contains(&name) {
                found.insert(name, (key, value));
            } else {
                let problem = format!(
                    "unknown key `{}`: {what} has {}",
                    shown(key),
                    known.join(", ")
                );
                self.fault(key.place, problem);
            }
        }
        Some(Fields { found })
    }

    /// Returns the names and values of a mapping whose keys are names. A name that is wrong is a
    /// fault.
    pub(super) fn named<'n, N, E: std::fmt::Display>(
        &mut self,
        node: &'n Node,
        what: &str,
        check: impl Fn(&str) -> Result<N, E>,
    ) -> Vec<(N, Place, &'n Node)> {
        let mut named = Vec::new();
        for (key, value) in self.pairs(node, what).unwrap_or_default() {
            let Some(text) = self.key_text(key) else {
                continue;
            };
            let is_plain = matches!(key.value, Value::Scalar { is_plain: true, .. });
            if is_plain && is_misread(text) {
                let problem =
                    format!("put quotes around `{text}`: YAML reads it as something else");
                self.fault(key.place, problem);
                continue;
            }
            match check(text) {
                Ok(name) => named.push((name, key.place, value)),
                Err(problem) => self.fault(key.place, format!("{problem}: {text:?}")),
            }
        }
        named
    }

    /// Returns the pairs of a mapping, without those whose key was there before.
    fn pairs<'n>(&mut self, node: &'n Node, what: &str) -> Option<Vec<(&'n Node, &'n Node)>> {
        let Value::Map(pairs) = &node.value else {
            let problem = format!("{what} must be a mapping, not {}", shown(node));
            self.fault(node.place, problem);
            return None;
        };
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let mut kept = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            if let Value::Scalar { text, .. } = &key.value {
                let line = self.source.line(key.place.start);
                if let Some(first) = seen.get(text.as_str()) {
                    let problem = format!("`{text}` is here twice: first in line {first}");
                    self.fault(key.place, problem);
                    continue;
                }
                seen.insert(text, line);
            }
            kept.push((key, value));
        }
        Some(kept)
    }

    fn key_text<'n>(&mut self, key: &'n Node) -> Option<&'n str> {
        match &key.value {
            Value::Scalar { text, .. } => Some(text),
            _ => {
                let problem = format!("a key must be a text, not {}", shown(key));
                self.fault(key.place, problem);
                None
            }
        }
    }
}
