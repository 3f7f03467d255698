//! Circles: files that import each other, directly or through other files.

use std::collections::BTreeMap;

use crate::{Imports, ModulePath};

/// Returns the circles in a graph of imports, the largest first, each sorted. A circle is a
/// strongly connected component of at least two files.
pub fn circles(imports: &Imports) -> Vec<Vec<ModulePath>> {
    let mut search = Search {
        imports,
        seen: BTreeMap::new(),
        lowest: BTreeMap::new(),
        stack: Vec::new(),
        found: Vec::new(),
    };
    for file in imports.keys() {
        if !search.seen.contains_key(file) {
            search.visit(file);
        }
    }
    search
        .found
        .sort_by_key(|circle| (usize::MAX - circle.len(), circle.clone()));
    search.found
}

/// Tarjan's algorithm.
struct Search<'a> {
    imports: &'a Imports,
    seen: BTreeMap<&'a ModulePath, usize>,
    lowest: BTreeMap<&'a ModulePath, usize>,
    stack: Vec<&'a ModulePath>,
    found: Vec<Vec<ModulePath>>,
}

impl<'a> Search<'a> {
    fn visit(&mut self, file: &'a ModulePath) {
        let number = self.seen.len();
        self.seen.insert(file, number);
        self.stack.push(file);
        let mut lowest = number;
        for other in self.imports.get(file).into_iter().flat_map(BTreeMap::keys) {
            if !self.seen.contains_key(other) {
                self.visit(other);
                lowest = lowest.min(self.lowest[other]);
            } else if self.stack.contains(&other) {
                lowest = lowest.min(self.seen[other]);
            }
        }
        self.lowest.insert(file, lowest);
        if lowest == number {
            let at = self
                .stack
                .iter()
                .position(|other| *other == file)
                .unwrap_or_default();
            let mut circle: Vec<_> = self.stack.drain(at..).cloned().collect();
            if circle.len() > 1 {
                circle.sort();
                self.found.push(circle);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_may_go_by_way_of_others() {
        let path = |name: &str| ModulePath(vec![name.to_owned()]);
        let mut imports = Imports::new();
        for (from, to) in [
            ("a", "b"),
            ("b", "c"),
            ("c", "a"),
            ("d", "a"),
            ("e", "f"),
            ("f", "e"),
            ("f", "c"),
        ] {
            imports
                .entry(path(from))
                .or_default()
                .entry(path(to))
                .or_default()
                .insert("name".to_owned());
        }
        assert_eq!(
            circles(&imports),
            [
                vec![path("a"), path("b"), path("c")],
                vec![path("e"), path("f")]
            ]
        );
    }
}
