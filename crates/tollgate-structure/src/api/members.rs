//! The members of an item, a line each: fields, variants, the items of traits and of `impl` blocks.

use quote::{ToTokens, quote};
use syn::{
    Attribute, Fields, ImplItem, Item, ItemImpl, PathArguments, TraitItem, Type, Variant,
    Visibility,
};

use super::print::{function, is_public, line, markers, type_text};

/// Returns the members of an item that can be seen from outside, a line each with its attributes:
/// public fields, variants, and the items of a trait.
pub(super) fn members(item: &Item) -> Vec<(String, &[Attribute])> {
    match item {
        Item::Struct(item) if matches!(item.fields, Fields::Named(_)) => {
            let fields = item.fields.iter().filter(|field| is_public(&field.vis));
            let text = |field: &syn::Field| {
                let name = field
                    .ident
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                format!("pub {name}: {}", type_text(&field.ty))
            };
            fields
                .map(|field| (text(field), field.attrs.as_slice()))
                .collect()
        }
        Item::Enum(item) => item
            .variants
            .iter()
            .map(|variant| (variant_text(variant), variant.attrs.as_slice()))
            .collect(),
        Item::Trait(item) => item.items.iter().filter_map(trait_member).collect(),
        _ => Vec::new(),
    }
}

fn variant_text(variant: &Variant) -> String {
    let mut plain = variant.clone();
    plain.attrs.clear();
    match &mut plain.fields {
        Fields::Named(fields) => fields
            .named
            .iter_mut()
            .for_each(|field| field.attrs.clear()),
        Fields::Unnamed(fields) => fields
            .unnamed
            .iter_mut()
            .for_each(|field| field.attrs.clear()),
        Fields::Unit => {}
    }
    let text = line(quote!(enum E { #plain }));
    let text = text
        .trim_start_matches("enum E { ")
        .trim_end_matches('}')
        .trim_end()
        .trim_end_matches(',');
    // The text of the enum had its braces removed, and with them the fields of the variant.
    let text = if matches!(plain.fields, Fields::Named(_)) {
        format!("{} }}", text.trim_end_matches([' ', ',', '}']))
    } else {
        text.to_owned()
    };
    format!("{}{text}", markers(&variant.attrs))
}

fn trait_member(item: &TraitItem) -> Option<(String, &[Attribute])> {
    let provided = |is_provided: bool| if is_provided { " { .. }" } else { "" };
    match item {
        TraitItem::Fn(item) => {
            let text = function(&Visibility::Inherited, &item.sig);
            Some((
                format!("{text}{}", provided(item.default.is_some())),
                &item.attrs,
            ))
        }
        TraitItem::Type(item) => {
            let mut plain = item.clone();
            plain.attrs.clear();
            let text = line(quote!(trait T { #plain }));
            Some((
                text.trim_start_matches("trait T { ")
                    .trim_end_matches([' ', '}', ';'])
                    .to_owned(),
                &item.attrs,
            ))
        }
        TraitItem::Const(item) => {
            let text = format!("const {}: {}", item.ident, type_text(&item.ty));
            Some((
                format!("{text}{}", provided(item.default.is_some())),
                &item.attrs,
            ))
        }
        _ => None,
    }
}

/// Returns the public items of an `impl` without a trait, a line each with its attributes.
pub(super) fn inherent(item: &ItemImpl) -> Vec<(String, &[Attribute])> {
    let public = item.items.iter().filter_map(|item| match item {
        ImplItem::Fn(item) if is_public(&item.vis) => {
            Some((function(&item.vis, &item.sig), item.attrs.as_slice()))
        }
        ImplItem::Const(item) if is_public(&item.vis) => Some((
            format!("pub const {}: {}", item.ident, type_text(&item.ty)),
            item.attrs.as_slice(),
        )),
        _ => None,
    });
    public
        .map(|(text, attributes)| (format!("{}{text}", markers(attributes)), attributes))
        .collect()
}

/// Returns the beginning of an `impl` without a trait. Returns none if the `impl` is for the type
/// as it is declared, without further bounds.
pub(super) fn narrowed(item: &ItemImpl) -> Option<String> {
    let (generics, ty, clause) = (&item.generics, &item.self_ty, &item.generics.where_clause);
    let plain: Vec<_> = generics
        .params
        .iter()
        .map(|parameter| match parameter {
            syn::GenericParam::Lifetime(parameter) => parameter.lifetime.to_string(),
            syn::GenericParam::Type(parameter) => parameter.ident.to_string(),
            syn::GenericParam::Const(parameter) => parameter.ident.to_string(),
        })
        .collect();
    let has_bounds = clause.is_some()
        || generics.params.iter().any(|parameter| match parameter {
            syn::GenericParam::Lifetime(parameter) => !parameter.bounds.is_empty(),
            syn::GenericParam::Type(parameter) => !parameter.bounds.is_empty(),
            syn::GenericParam::Const(_) => false,
        });
    let mut arguments = Vec::new();
    if let Type::Path(path) = &**ty
        && let Some(PathArguments::AngleBracketed(found)) =
            path.path.segments.last().map(|segment| &segment.arguments)
    {
        arguments.extend(
            found
                .args
                .iter()
                .map(|argument| argument.to_token_stream().to_string()),
        );
    }
    arguments.retain(|argument| argument != "'_");
    if !has_bounds && arguments.iter().all(|argument| plain.contains(argument)) {
        return None;
    }
    Some(line(quote!(impl #generics #ty #clause {})))
}

/// Returns a trait with its arguments, the modules before its name left out.
pub(super) fn trait_text(path: &syn::Path) -> String {
    let last = path.segments.last();
    line(quote!(type T = #last;)).replacen("type T = ", "", 1)
}

/// Returns the type that an `impl` is for. If the type is a type parameter, its bounds follow it.
pub(super) fn implementor(item: &ItemImpl) -> String {
    let text = type_text(&item.self_ty);
    let bounds = item
        .generics
        .type_params()
        .find(|parameter| parameter.ident == text);
    let Some(bounds) = bounds else { return text };
    let (bounds, clause) = (&bounds.bounds, &item.generics.where_clause);
    let clause = clause
        .as_ref()
        .map(|clause| line(quote!(fn f() #clause {})).replacen("fn f()", "", 1))
        .unwrap_or_default();
    if bounds.is_empty() {
        format!("{text}{clause}")
    } else {
        format!(
            "{text}: {}{clause}",
            line(quote!(type T = dyn #bounds;)).replacen("type T = dyn ", "", 1)
        )
    }
}
