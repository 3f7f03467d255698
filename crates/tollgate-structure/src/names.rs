//! Follows names to the module that defines them.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Item, ItemUse, UseTree, Visibility};

use crate::{ModulePath, Sources, cfg};

/// The names in the modules of a crate.
#[derive(Debug)]
pub struct Scope {
    modules: BTreeMap<ModulePath, Names>,
}

/// The target of a path: an item, or a module if there is no `name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The module, or the module that defines the item.
    pub module: ModulePath,
    /// The item's name.
    pub name: Option<String>,
}

#[derive(Debug, Default)]
struct Names {
    items: BTreeSet<String>,
    uses: Vec<Import>,
}

/// A leaf of a `use` tree.
#[derive(Clone, Debug)]
pub(crate) struct Import {
    /// The path as it is written, without the `*` of a glob.
    pub(crate) path: Vec<String>,
    /// The name that the import has here. None for a glob, `_` for a name that cannot be used.
    pub(crate) name: Option<String>,
    /// True for `pub use`, without any restriction.
    pub(crate) is_public: bool,
    /// The conditions of `#[cfg]`.
    pub(crate) gates: Vec<String>,
}

/// The maximum number of steps to follow a name. No crate that compiles needs more. The limit stops
/// the search if `use` lines lead to each other.
const MOST_STEPS: usize = 100;

impl Scope {
    /// Collects the names of a crate.
    pub fn new(sources: &Sources) -> Self {
        let names = |items: &[Item]| {
            let mut names = Names::default();
            for item in items {
                match item {
                    Item::Use(item) => names.uses.extend(imports(item)),
                    item => names.items.extend(name(item)),
                }
            }
            names
        };
        Self {
            modules: sources
                .modules
                .iter()
                .map(|(path, module)| (path.clone(), names(&module.items)))
                .collect(),
        }
    }

    /// Returns the `use` lines of a module, a leaf each.
    pub(crate) fn uses(&self, module: &ModulePath) -> &[Import] {
        self.modules.get(module).map_or(&[], |names| &names.uses)
    }

    /// Follows a path that is written in `module`. Returns none if it leads to another crate.
    pub fn resolve(&self, module: &ModulePath, path: &[String]) -> Option<Target> {
        self.follow(module, path, MOST_STEPS)
    }

    fn follow(&self, module: &ModulePath, path: &[String], steps: usize) -> Option<Target> {
        let steps = steps.checked_sub(1)?;
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => ModulePath::default(),
            "self" => module.clone(),
            "super" => {
                let mut around = module.parent()?;
                while let Some((segment, after)) = rest.split_first()
                    && segment == "super"
                {
                    (around, rest) = (around.parent()?, after);
                }
                around
            }
            name => {
                let child = module.child(name);
                if self.modules.contains_key(&child) {
                    child
                } else {
                    match self.look_up(module, name, steps)? {
                        Target { module, name: None } => module,
                        item => return Some(item),
                    }
                }
            }
        };
        while let Some((name, after)) = rest.split_first() {
            let child = at.child(name);
            let is_module = self.modules.contains_key(&child);
            // At the end of a path, an item takes precedence over a module of the same name, as in
            // `settle::settle`.
            at = match self.look_up(&at, name, steps) {
                Some(Target { module, name: None }) if !is_module => module,
                Some(item) if item.name.is_some() && (after.is_empty() || !is_module) => {
                    return Some(item);
                }
                // A name that only the compiler knows, or one of another crate.
                None if !is_module => {
                    return Some(Target {
                        module: at,
                        name: Some(name.clone()),
                    });
                }
                _ => child,
            };
            rest = after;
        }
        Some(Target {
            module: at,
            name: None,
        })
    }

    /// Looks for a name that a module defines or imports.
    fn look_up(&self, module: &ModulePath, name: &str, steps: usize) -> Option<Target> {
        let names = self.modules.get(module)?;
        if names.items.contains(name) {
            return Some(Target {
                module: module.clone(),
                name: Some(name.to_owned()),
            });
        }
        let mut named = names
            .uses
            .iter()
            .filter(|import| import.name.as_deref() == Some(name));
        if let Some(import) = named.next() {
            // If `use name;` in a module would lead to itself, `name` is another crate.
            return if import.path == [name] {
                None
            } else {
                self.follow(module, &import.path, steps)
            };
        }
        names
            .uses
            .iter()
            .filter(|import| import.name.is_none())
            .find_map(|import| {
                let steps = steps.checked_sub(1)?;
                let from = self.follow(module, &import.path, steps)?;
                if from.name.is_some() {
                    None
                } else {
                    self.look_up(&from.module, name, steps)
                }
            })
    }
}

/// Returns the name that an item defines.
pub(crate) fn name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// Returns the leaves of a `use`. One that begins with `::` names another crate and has none.
pub(crate) fn imports(item: &ItemUse) -> Vec<Import> {
    let mut leaves = Vec::new();
    if item.leading_colon.is_none() {
        add_leaves(&item.tree, &mut Vec::new(), &mut leaves);
    }
    let (is_public, gates) = (
        matches!(item.vis, Visibility::Public(_)),
        cfg::gates(&item.attrs),
    );
    leaves
        .into_iter()
        .map(|(path, name)| Import {
            path,
            name,
            is_public,
            gates: gates.clone(),
        })
        .collect()
}

fn add_leaves(
    tree: &UseTree,
    before: &mut Vec<String>,
    leaves: &mut Vec<(Vec<String>, Option<String>)>,
) {
    let whole = |before: &[String], name: &str| {
        let mut path = before.to_vec();
        // `a::{self}` is `a`.
        if name != "self" || path.is_empty() {
            path.push(name.to_owned());
        }
        path
    };
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            add_leaves(&path.tree, before, leaves);
            before.pop();
        }
        UseTree::Name(leaf) => {
            let path = whole(before, &leaf.ident.to_string());
            let name = path.last().cloned();
            leaves.push((path, name));
        }
        UseTree::Rename(leaf) => leaves.push((
            whole(before, &leaf.ident.to_string()),
            Some(leaf.rename.to_string()),
        )),
        UseTree::Glob(_) => leaves.push((before.clone(), None)),
        UseTree::Group(group) => group
            .items
            .iter()
            .for_each(|tree| add_leaves(tree, before, leaves)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(scope: &Scope, module: &str, path: &str) -> Option<String> {
        let words = |text: &str, by: &str| {
            text.split(by)
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let target = scope.resolve(&ModulePath(words(module, "/")), &words(path, "::"))?;
        Some(format!(
            "{} {}",
            target.module,
            target.name.as_deref().unwrap_or("-")
        ))
    }

    #[test]
    fn names_are_followed_through_every_kind_of_use() {
        let scope = Scope::new(&Sources::from_text(&[
            (
                "",
                true,
                "pub use a::One as First; use a::inner; pub use b::*;",
            ),
            (
                "a",
                true,
                "pub use self::inner::{One, Two}; pub use std::fmt;",
            ),
            ("a/inner", true, "pub struct One; pub enum Two { X }"),
            ("b", true, "pub(crate) fn three() {} use super::inner;"),
        ]));
        for (module, path, target) in [
            ("b", "crate::First", Some("a/inner One")),
            ("b", "crate::a::Two::X", Some("a/inner Two")),
            ("a/inner", "super::super::three", Some("b three")),
            ("b", "inner::One", Some("a/inner One")),
            ("", "inner", Some("a/inner -")),
            ("", "a::fmt::Debug", Some("a fmt")),
            ("", "std::fmt", None),
            ("a", "fmt::Debug", None),
        ] {
            assert_eq!(
                resolve(&scope, module, path).as_deref(),
                target,
                "{path} in {module}"
            );
        }
    }
}
