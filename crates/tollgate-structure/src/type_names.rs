//! Type names that are defined more than once.

use std::collections::{BTreeMap, BTreeSet};

use syn::Item;

use crate::{ModulePath, Sources};

/// Returns the names of structs, enums, unions, traits and type aliases that several modules define,
/// with those modules. Two definitions in one module are one: `#[cfg]` leaves only one of them.
pub fn defined_twice(sources: &Sources) -> BTreeMap<String, BTreeSet<ModulePath>> {
    let mut names = BTreeMap::<_, BTreeSet<_>>::new();
    for module in sources.modules.values() {
        for item in &module.items {
            let name = match item {
                Item::Struct(item) => &item.ident,
                Item::Enum(item) => &item.ident,
                Item::Union(item) => &item.ident,
                Item::Trait(item) => &item.ident,
                Item::Type(item) => &item.ident,
                _ => continue,
            };
            names
                .entry(name.to_string())
                .or_default()
                .insert(module.path.clone());
        }
    }
    names.retain(|_, modules| modules.len() > 1);
    names
}
