//! Mappings: with keys that are known, or with names as keys.

use std::collections::{HashMap, hash_map::Entry};

use tollgate::model::{InvalidName, NameKind, NameProblem};

use super::{implicit::is_misread, reader::Reader, scalar::shown};
use crate::{
    source::Place,
    yaml::{Node, Value},
};

/// The fields of a mapping that has known keys only.
#[derive(Debug)]
pub(super) struct Fields<'n> {
    /// The keys and values by name: more than one if the name is there twice, which is a fault.
    found: HashMap<&'n str, Vec<(&'n Node, &'n Node)>>,
}

impl<'n> Fields<'n> {
    /// Returns the value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.all(key).next().map(|(_, value)| value)
    }

    /// Returns the place of a key.
    pub(super) fn key(&self, key: &str) -> Option<Place> {
        self.all(key).next().map(|(place, _)| place)
    }

    /// Returns the places and values of a key. All but the first one are read for their faults only.
    pub(super) fn all(&self, key: &str) -> impl Iterator<Item = (Place, &'n Node)> {
        let found = self.found.get(key).into_iter().flatten();
        found.map(|(key, value)| (key.place, *value))
    }
}

/// A pair of a mapping whose keys are names.
#[derive(Debug)]
pub(super) struct Named<'n, N> {
    /// The name; `None` if it is wrong, or there before. Then the value is read for its faults only.
    pub(super) name: Option<N>,
    /// The place of the name.
    pub(super) key: Place,
    pub(super) value: &'n Node,
}

impl Reader<'_> {
    /// Returns the fields of a mapping whose keys must be of `known`. `what` names it in faults.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        self.fields_besides(node, what, known, &[])
    }

    /// As [`fields`](Self::fields). Keys of `refused` are no fault here: the caller says why they
    /// are one.
    pub(super) fn fields_besides<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&str],
        refused: &[&str],
    ) -> Option<Fields<'n>> {
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for (key, value, _) in self.pairs(node, what)? {
            let Some(name) = self.key_text(key) else {
                continue;
            };
            if known.contains(&name) || refused.contains(&name) {
                found.entry(name).or_default().push((key, value));
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
    pub(super) fn named<'n, N>(
        &mut self,
        node: &'n Node,
        what: &str,
        check: impl Fn(&str) -> Result<N, InvalidName>,
    ) -> Vec<Named<'n, N>> {
        let mut named = Vec::new();
        for (key, value, is_new) in self.pairs(node, what).unwrap_or_default() {
            let name = self.name(key, &check).filter(|_| is_new);
            named.push(Named {
                name,
                key: key.place,
                value,
            });
        }
        named
    }

    fn name<N>(&mut self, key: &Node, check: impl Fn(&str) -> Result<N, InvalidName>) -> Option<N> {
        let text = self.key_text(key)?;
        let is_plain = matches!(key.value, Value::Scalar { is_plain: true, .. });
        match check(text) {
            Ok(_) if is_plain && is_misread(text) => {
                self.misread(key.place, text);
                None
            }
            Ok(name) => Some(name),
            Err(problem) => {
                self.fault(key.place, refused(problem, text));
                None
            }
        }
    }

    /// Adds the fault of a plain text that others read as something else.
    pub(super) fn misread(&mut self, place: Place, text: &str) {
        let problem = format!("put quotes around `{text}`: YAML reads it as something else");
        self.fault(place, problem);
    }

    /// Returns the pairs of a mapping, each with false if its key was there before.
    fn pairs<'n>(&mut self, node: &'n Node, what: &str) -> Option<Vec<(&'n Node, &'n Node, bool)>> {
        let Value::Map(pairs) = &node.value else {
            let problem = format!("{what} must be a mapping, not {}", shown(node));
            self.fault(node.place, problem);
            return None;
        };
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let mut all = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let mut is_new = true;
            if let Value::Scalar { text, .. } = &key.value {
                match seen.entry(text) {
                    Entry::Occupied(first) => {
                        let first = first.get();
                        let problem = format!("`{text}` is here twice: first in line {first}");
                        self.fault(key.place, problem);
                        is_new = false;
                    }
                    Entry::Vacant(entry) => {
                        entry.insert(self.source.line(key.place.start));
                    }
                }
            }
            all.push((key, value, is_new));
        }
        Some(all)
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

/// Describes the fault of a name. For a character, says which ones are allowed.
pub(super) fn refused(problem: InvalidName, text: &str) -> String {
    let rule = match (problem.problem, problem.kind) {
        (NameProblem::Character { .. }, NameKind::EntityId) => {
            "; it begins with a letter or a digit, and has letters, digits, and the characters _ . : @ -"
        }
        (NameProblem::Character { .. }, NameKind::Resource) => {
            "; it begins with a letter, and has letters, digits, and the characters _ . / : -"
        }
        (NameProblem::Character { .. }, _) => {
            "; it begins with a letter, and has letters, digits, and the characters _ . -"
        }
        _ => "",
    };
    format!("{problem}: {text:?}{rule}")
}
