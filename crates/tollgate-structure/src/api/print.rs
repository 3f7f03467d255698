//! Writes declarations in one line each, without attributes and bodies.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, Fields, FnArg, Generics, Item, Pat, Signature, Type, Visibility};

use crate::sources;

/// Returns the tokens of an item as one line, without an empty body.
pub(super) fn line(item: TokenStream) -> String {
    let item = without_modules(item);
    let text = match syn::parse2::<syn::File>(item.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        Err(_) => item.to_string(),
    };
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (broken, whole) in [
        ("( ", "("),
        (", )", ")"),
        (" )", ")"),
        ("< ", "<"),
        (", >", ">"),
        ("[ ", "["),
        (", ]", "]"),
    ] {
        line = line.replace(broken, whole);
    }
    for end in ["{}", ";", ","] {
        line = line
            .strip_suffix(end)
            .unwrap_or(&line)
            .trim_end()
            .to_owned();
    }
    line
}

/// Returns tokens with `Name` for `crate::a::Name`, `self::a::Name` and `super::Name`, so that the
/// listing does not depend on the file of an item. `crate::Name` stays, because everybody can see
/// it.
fn without_modules(tokens: TokenStream) -> TokenStream {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let is_colon =
        |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(sign)) if sign.as_char() == ':');
    let leads_on = |at: usize| {
        matches!(tokens[at], TokenTree::Ident(_)) && is_colon(at + 1) && is_colon(at + 2)
    };
    let mut written = TokenStream::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Ident(name)
                if (name == "crate" || name == "self" || name == "super") && leads_on(at) =>
            {
                let begin = at;
                while at < tokens.len() && leads_on(at) {
                    at += 3;
                }
                if name == "crate" && at == begin + 3 {
                    written.extend(tokens[begin..at].iter().cloned());
                }
                continue;
            }
            TokenTree::Group(group) => {
                written.extend([TokenTree::Group(Group::new(
                    group.delimiter(),
                    without_modules(group.stream()),
                ))]);
            }
            token => written.extend([token.clone()]),
        }
        at += 1;
    }
    written
}

/// Returns a type as text.
pub(super) fn type_text(ty: &Type) -> String {
    line(quote!(type T = #ty;)).replacen("type T = ", "", 1)
}

/// Returns a function's signature, with `pub` before it if the function is public.
pub(super) fn function(visibility: &Visibility, signature: &Signature) -> String {
    let mut signature = signature.clone();
    for input in &mut signature.inputs {
        // A function may change its own copy of an argument. Callers do not see that, so `mut` is
        // left out.
        match input {
            FnArg::Receiver(receiver) => receiver.mutability = None,
            FnArg::Typed(input) => {
                if let Pat::Ident(pattern) = &mut *input.pat {
                    pattern.mutability = None;
                }
            }
        }
    }
    line(quote!(#visibility #signature {}))
}

/// Returns the first line of an item: its declaration without the part in braces. None for items
/// that are not listed.
pub(super) fn declaration(item: &Item) -> Option<String> {
    let text = match item {
        Item::Const(item) => {
            format!(
                "{}const {}: {}",
                public(&item.vis),
                item.ident,
                type_text(&item.ty)
            )
        }
        Item::Static(item) => {
            format!(
                "{}static {}: {}",
                public(&item.vis),
                item.ident,
                type_text(&item.ty)
            )
        }
        Item::Fn(item) => function(&item.vis, &item.sig),
        Item::Type(item) => {
            let (vis, ident, ty) = (&item.vis, &item.ident, &item.ty);
            let (generics, _, clause) = item.generics.split_for_impl();
            line(quote!(#vis type #ident #generics #clause = #ty;))
        }
        Item::Macro(item) => format!("macro {}!", item.ident.as_ref()?),
        Item::Enum(item) => header(&item.vis, "enum", &item.ident, &item.generics),
        Item::Union(item) => header(&item.vis, "union", &item.ident, &item.generics),
        Item::Trait(item) => {
            let mut item = item.clone();
            item.attrs.clear();
            item.items.clear();
            line(item.into_token_stream())
        }
        Item::Struct(item) => {
            let text = header(&item.vis, "struct", &item.ident, &item.generics);
            match &item.fields {
                Fields::Unnamed(fields) => {
                    let fields = fields.unnamed.iter().map(|field| match &field.vis {
                        Visibility::Public(_) => format!("pub {}", type_text(&field.ty)),
                        _ => "_".to_owned(),
                    });
                    format!("{text}({})", fields.collect::<Vec<_>>().join(", "))
                }
                Fields::Named(fields)
                    if fields.named.iter().any(|field| !is_public(&field.vis)) =>
                {
                    format!("{text} {{ .. }}")
                }
                _ => text,
            }
        }
        _ => return None,
    };
    Some(format!("{}{text}", markers(sources::attributes(item))))
}

fn header(visibility: &Visibility, kind: &str, name: &syn::Ident, generics: &Generics) -> String {
    let clause = &generics.where_clause;
    line(quote!(#visibility struct #name #generics #clause {})).replacen(
        " struct ",
        &format!(" {kind} "),
        1,
    )
}

/// Returns the attributes that callers notice.
pub(super) fn markers(attributes: &[Attribute]) -> String {
    let noticed = |name: &&&str| {
        attributes
            .iter()
            .any(|attribute| attribute.path().is_ident(**name))
    };
    ["non_exhaustive", "deprecated", "macro_export"]
        .iter()
        .filter(noticed)
        .map(|name| format!("#[{name}] "))
        .collect()
}

fn public(visibility: &Visibility) -> &'static str {
    if is_public(visibility) { "pub " } else { "" }
}

/// Returns true for `pub` without any restriction.
pub(super) fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}
