//! The imports between the files of a crate.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Item, ItemUse, Visibility, visit::Visit};

use crate::{ModulePath, Scope, Sources, names};

/// The files that each file imports from, and the names that it imports. A module that is imported
/// as such has the name `self`.
pub type Imports = BTreeMap<ModulePath, BTreeMap<ModulePath, BTreeSet<String>>>;

/// Returns the imports of a crate: `use` lines, those in functions included, and paths that are
/// written out in code or in the input of macros (`crate::a::b`, `super::b`, `module::b`). Each
/// leads to the file that defines the name. A re-export and a `mod` count as no import.
pub fn imports(sources: &Sources) -> Imports {
    let scope = Scope::new(sources);
    let mut imports = Imports::new();
    for module in sources.modules.values() {
        let mut paths = Paths::default();
        for item in &module.items {
            match item {
                Item::Use(item) if !matches!(item.vis, Visibility::Inherited) => {}
                item => {
                    paths.visit_item(item);
                    if !matches!(item, Item::Use(_)) {
                        paths.add_written(item.to_token_stream());
                    }
                }
            }
        }
        let from = imports.entry(module.file.clone()).or_default();
        for target in paths
            .0
            .iter()
            .filter_map(|path| scope.resolve(&module.path, path))
        {
            let file = sources
                .modules
                .get(&target.module)
                .map_or(&target.module, |module| &module.file);
            if *file != module.file {
                let name = target.name.unwrap_or_else(|| "self".to_owned());
                from.entry(file.clone()).or_default().insert(name);
            }
        }
    }
    imports
}

#[derive(Default)]
struct Paths(BTreeSet<Vec<String>>);

impl Visit<'_> for Paths {
    fn visit_item_use(&mut self, item: &ItemUse) {
        self.0
            .extend(names::imports(item).into_iter().map(|import| import.path));
    }
}

impl Paths {
    /// Adds the paths of at least two segments in a stream of tokens.
    fn add_written(&mut self, tokens: TokenStream) {
        let mut path = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(sign) if sign.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    // `::name` is a path of another crate, or the rest of a path after generic
                    // arguments.
                    if colons != 2 || !path.is_empty() {
                        path.push(name.to_string());
                    }
                }
                TokenTree::Group(group) => {
                    // `use a::{b, c}` is read elsewhere, as an item.
                    self.end(&mut path);
                    if colons != 2 || group.delimiter() != Delimiter::Brace {
                        self.add_written(group.stream());
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => self.end(&mut path),
            }
            colons = 0;
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.0.insert(std::mem::take(path));
        }
        path.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_code_are_found_in_macros_too() {
        let tokens = "fn f(x: crate::a::B) { use super::{c, d::E}; m::g::<T>(|| ::std::x(), [super::h::I]); log!(crate::j::K) }";
        let mut paths = Paths::default();
        paths.add_written(tokens.parse().unwrap());
        let found: Vec<_> = paths.0.iter().map(|path| path.join("::")).collect();
        assert_eq!(found, ["crate::a::B", "crate::j::K", "m::g", "super::h::I"]);
    }
}
