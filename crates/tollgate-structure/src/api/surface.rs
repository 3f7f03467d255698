//! The public modules of a crate and what each exports.

use std::collections::BTreeMap;

use syn::{Item, Visibility};

use super::print;
use crate::{
    ModulePath, Scope, Sources, Target, cfg,
    names::{self, Import},
    sources,
};

/// The public modules, and the places of all items that they export.
pub(super) struct Surface {
    pub(super) modules: BTreeMap<ModulePath, PublicModule>,
    pub(super) scope: Scope,
    places: BTreeMap<Target, Vec<(ModulePath, String)>>,
}

#[derive(Default)]
pub(super) struct PublicModule {
    pub(super) gates: Vec<String>,
    pub(super) entries: Vec<Entry>,
}

/// A name that a public module exports.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) leads: Leads,
    /// The conditions of `#[cfg]` for the export, and for the modules around the definition.
    pub(super) gates: Vec<String>,
}

#[derive(Clone)]
pub(super) enum Leads {
    /// The name of an item of the crate.
    Here(Target),
    /// The name of an item of another crate, or of a public module.
    Elsewhere(String),
}

impl Surface {
    pub(super) fn new(sources: &Sources) -> Self {
        let mut surface = Self {
            modules: BTreeMap::new(),
            scope: Scope::new(sources),
            places: BTreeMap::new(),
        };
        surface.add(sources, &ModulePath::default(), ModulePath::default());
        for (path, module) in &surface.modules {
            for entry in &module.entries {
                if let Leads::Here(target) = &entry.leads {
                    surface
                        .places
                        .entry(target.clone())
                        .or_default()
                        .push((path.clone(), entry.name.clone()));
                }
            }
        }
        surface
    }

    /// Returns the module that lists an item, and the name that it has there.
    pub(super) fn home(&self, target: &Target) -> Option<&(ModulePath, String)> {
        let common = |path: &ModulePath| {
            path.0
                .iter()
                .zip(&target.module.0)
                .take_while(|(a, b)| a == b)
                .count()
        };
        let places = self.places.get(target)?;
        places
            .iter()
            .min_by_key(|(path, name)| (usize::MAX - common(path), path.0.len(), path, name))
    }

    /// Adds the module `module`, which callers know as `path`.
    fn add(&mut self, sources: &Sources, module: &ModulePath, path: ModulePath) {
        let Some(found) = sources.modules.get(module) else {
            return;
        };
        let mut public = PublicModule {
            gates: found.gates.clone(),
            entries: Vec::new(),
        };
        let mut inside: Vec<_> = sources
            .modules
            .values()
            .filter(|child| child.is_public && child.path.parent().as_ref() == Some(module))
            .filter_map(|child| Some((child.path.clone(), path.child(child.path.0.last()?))))
            .collect();
        self.export(sources, module, &mut public, &mut inside, &path);
        self.modules.insert(path, public);
        for (module, path) in inside {
            self.add(sources, &module, path);
        }
    }

    /// Adds the exports of `module` to `public`. If `module` exports private modules, adds these to
    /// `inside`.
    fn export(
        &self,
        sources: &Sources,
        module: &ModulePath,
        public: &mut PublicModule,
        inside: &mut Vec<(ModulePath, ModulePath)>,
        path: &ModulePath,
    ) {
        let Some(found) = sources.modules.get(module) else {
            return;
        };
        let mut own: Vec<_> = found
            .items
            .iter()
            .filter(|item| is_exported(item))
            .filter_map(names::name)
            .collect();
        own.dedup();
        for name in own {
            let target = Target {
                module: module.clone(),
                name: Some(name.clone()),
            };
            public.entries.push(Entry {
                name,
                leads: Leads::Here(target),
                gates: found.gates.clone(),
            });
        }
        for import in self
            .scope
            .uses(module)
            .iter()
            .filter(|import| import.is_public)
        {
            let target = self.scope.resolve(module, &import.path);
            match (target, &import.name) {
                (Some(Target { module, name: None }), None) => {
                    self.export(sources, &module, public, inside, path)
                }
                (Some(Target { module, name: None }), Some(name)) => {
                    match sources.modules.get(&module) {
                        Some(_) if !is_reachable(sources, &module) => {
                            inside.push((module, path.child(name)))
                        }
                        _ => public.entries.push(elsewhere(import, name)),
                    }
                }
                (Some(target), Some(name)) if !items(sources, &target).is_empty() => {
                    let around = sources
                        .modules
                        .get(&target.module)
                        .map_or(&[][..], |module| &module.gates);
                    let gates = [around, &import.gates].concat();
                    public.entries.push(Entry {
                        name: name.clone(),
                        leads: Leads::Here(target),
                        gates,
                    });
                }
                (_, name) => public
                    .entries
                    .push(elsewhere(import, name.as_deref().unwrap_or_default())),
            }
        }
    }
}

/// Returns true if a module and all around it are public.
fn is_reachable(sources: &Sources, module: &ModulePath) -> bool {
    let is_public = sources
        .modules
        .get(module)
        .is_some_and(|module| module.is_public);
    is_public
        && module
            .parent()
            .is_none_or(|around| is_reachable(sources, &around))
}

fn elsewhere(import: &Import, name: &str) -> Entry {
    let star = if import.name.is_none() { "::*" } else { "" };
    let path = format!("{}{star}", import.path.join("::"));
    Entry {
        name: name.to_owned(),
        leads: Leads::Elsewhere(path),
        gates: import.gates.clone(),
    }
}

/// Returns the definitions of an item: several if `#[cfg]` chooses between them.
pub(super) fn items<'a>(sources: &'a Sources, target: &Target) -> Vec<&'a Item> {
    let Some(module) = sources
        .modules
        .get(&target.module)
        .filter(|_| target.name.is_some())
    else {
        return Vec::new();
    };
    module
        .items
        .iter()
        .filter(|item| names::name(item) == target.name)
        .collect()
}

fn is_exported(item: &Item) -> bool {
    let visibility = match item {
        Item::Const(item) => &item.vis,
        Item::Enum(item) => &item.vis,
        Item::Fn(item) => &item.vis,
        Item::Static(item) => &item.vis,
        Item::Struct(item) => &item.vis,
        Item::Trait(item) => &item.vis,
        Item::TraitAlias(item) => &item.vis,
        Item::Type(item) => &item.vis,
        Item::Union(item) => &item.vis,
        _ => &Visibility::Inherited,
    };
    print::is_public(visibility) && !cfg::is_excluded(sources::attributes(item))
}
