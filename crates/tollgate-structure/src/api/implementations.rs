//! The `impl` blocks of a crate, by the type or the trait that they are listed with.

use std::collections::{BTreeMap, BTreeSet};

use syn::{GenericArgument, Item, ItemImpl, PathArguments, Type};

use super::{
    members, print,
    surface::{self, Surface},
};
use crate::{Sources, Target, cfg, sources};

/// A trait or a type as text, and what `#[cfg]` demands of the `impl`.
type Names = BTreeSet<(String, Vec<String>)>;

#[derive(Default)]
pub(super) struct Implementations<'a> {
    inherent: BTreeMap<Target, Vec<(&'a ItemImpl, Vec<String>)>>,
    traits: BTreeMap<Target, Names>,
    implementors: BTreeMap<Target, Names>,
}

impl<'a> Implementations<'a> {
    pub(super) fn new(sources: &'a Sources, surface: &Surface) -> Self {
        let mut found = Self::default();
        for module in sources.modules.values() {
            for item in &module.items {
                let gates = [
                    module.gates.as_slice(),
                    &cfg::gates(sources::attributes(item)),
                ]
                .concat();
                match item {
                    Item::Impl(item) => found.add(sources, surface, module, item, gates),
                    Item::Struct(_) | Item::Enum(_) | Item::Union(_) => {
                        found.add_derived(module, item)
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// Returns the blocks without a trait, in whatever module they are.
    pub(super) fn inherent(
        &self,
        target: &Target,
    ) -> impl Iterator<Item = (&'a ItemImpl, &[String])> {
        self.inherent
            .get(target)
            .into_iter()
            .flatten()
            .map(|(item, gates)| (*item, gates.as_slice()))
    }

    /// Returns the traits that a type implements.
    pub(super) fn traits(&self, target: &Target) -> Names {
        self.traits.get(target).cloned().unwrap_or_default()
    }

    /// Returns the types outside the crate, and the kinds of types, that implement a trait of it.
    pub(super) fn implementors(&self, target: &Target) -> Names {
        self.implementors.get(target).cloned().unwrap_or_default()
    }

    fn add(
        &mut self,
        sources: &Sources,
        surface: &Surface,
        module: &crate::Module,
        item: &'a ItemImpl,
        gates: Vec<String>,
    ) {
        let follow = |path: &syn::Path| {
            let path: Vec<_> = path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string())
                .collect();
            let target = surface.scope.resolve(&module.path, &path)?;
            (!surface::items(sources, &target).is_empty()).then_some(target)
        };
        let public =
            |path: &syn::Path| follow(path).filter(|target| surface.home(target).is_some());
        let (inner, is_plain) = referred(&item.self_ty);
        let owner = path_of(inner).and_then(public);
        let Some((of, _)) = &item.trait_ else {
            if let Some(owner) = owner {
                self.inherent.entry(owner).or_default().push((item, gates));
            }
            return;
        };
        // A private trait or type is used only inside the crate, or it seals a trait. So such a
        // trait or type is not listed.
        let is_private = |path: &syn::Path| follow(path).is_some() && public(path).is_none();
        if [Some(of), path_of(inner)]
            .into_iter()
            .flatten()
            .chain(arguments(of).filter_map(path_of))
            .any(is_private)
        {
            return;
        }
        let (text, implementor) = (members::trait_text(of), members::implementor(item));
        let named = if is_plain {
            text.clone()
        } else {
            format!("{text} for {implementor}")
        };
        if let Some(owner) = owner {
            self.traits.entry(owner).or_default().insert((named, gates));
        } else if let Some(of) = public(of) {
            self.implementors
                .entry(of)
                .or_default()
                .insert((implementor, gates));
        } else if let Some(owner) = arguments(of).filter_map(path_of).find_map(public) {
            self.traits
                .entry(owner)
                .or_default()
                .insert((format!("{text} for {implementor}"), gates));
        }
    }

    /// Adds what a type derives, and `From` for the fields that have thiserror's `#[from]`.
    fn add_derived(&mut self, module: &crate::Module, item: &Item) {
        let Some(name) = crate::names::name(item) else {
            return;
        };
        let target = Target {
            module: module.path.clone(),
            name: Some(name),
        };
        let names = self.traits.entry(target).or_default();
        for attribute in sources::attributes(item)
            .iter()
            .filter(|attribute| attribute.path().is_ident("derive"))
        {
            let _ = attribute.parse_nested_meta(|derived| {
                names.insert((members::trait_text(&derived.path), module.gates.clone()));
                Ok(())
            });
        }
        if let Item::Enum(item) = item {
            for field in item.variants.iter().flat_map(|variant| &variant.fields) {
                if field
                    .attrs
                    .iter()
                    .any(|attribute| attribute.path().is_ident("from"))
                {
                    names.insert((
                        format!("From<{}>", print::type_text(&field.ty)),
                        module.gates.clone(),
                    ));
                }
            }
        }
    }
}

/// Returns the type behind references, and false if there are any.
fn referred(ty: &Type) -> (&Type, bool) {
    match ty {
        Type::Reference(reference) => (referred(&reference.elem).0, false),
        Type::Paren(paren) => referred(&paren.elem),
        Type::Group(group) => referred(&group.elem),
        ty => (ty, true),
    }
}

fn path_of(ty: &Type) -> Option<&syn::Path> {
    match referred(ty).0 {
        Type::Path(path) if path.qself.is_none() => Some(&path.path),
        _ => None,
    }
}

fn arguments(path: &syn::Path) -> impl Iterator<Item = &Type> {
    let arguments = match path.segments.last().map(|segment| &segment.arguments) {
        Some(PathArguments::AngleBracketed(arguments)) => Some(&arguments.args),
        _ => None,
    };
    arguments
        .into_iter()
        .flatten()
        .filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        })
}
