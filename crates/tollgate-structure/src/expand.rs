//! Expands the crate's own `macro_rules!` in the places of items, so that the items that they make
//! are read too.
//!
//! Only the syntax that those macros use is supported: fragments, repetitions that need no
//! lookahead, and `$crate`.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream, Parser};

use crate::Result;

/// A macro by example.
#[derive(Debug)]
pub(crate) struct Rules(Vec<(Vec<Part>, Vec<Part>)>);

/// A part of a matcher, or of the body of a rule.
#[derive(Debug)]
enum Part {
    Token(TokenTree),
    Group(Delimiter, Vec<Part>),
    Variable {
        name: String,
        fragment: String,
    },
    Repeated {
        parts: Vec<Part>,
        separator: Option<TokenTree>,
        at_most_once: bool,
    },
}

/// The value of a variable: tokens, or one value for each repetition.
#[derive(Clone, Debug)]
enum Bound {
    Once(TokenStream),
    Often(Vec<Bound>),
}

type Bindings = BTreeMap<String, Bound>;

impl Rules {
    /// Reads the body of a `macro_rules!`.
    pub(crate) fn new(body: TokenStream) -> Result<Self> {
        let groups: Vec<_> = body
            .into_iter()
            .filter_map(|token| {
                if let TokenTree::Group(group) = token {
                    Some(group.stream())
                } else {
                    None
                }
            })
            .collect();
        let rules = groups.chunks_exact(2).map(|rule| {
            Ok((
                parts(rule[0].clone(), true)?,
                parts(rule[1].clone(), false)?,
            ))
        });
        Ok(Self(rules.collect::<Result<_>>()?))
    }

    /// Returns the tokens that an invocation with `input` stands for, or none if no rule fits.
    pub(crate) fn expand(&self, input: &TokenStream) -> Option<TokenStream> {
        let input: Vec<_> = input.clone().into_iter().collect();
        self.0.iter().find_map(|(matcher, body)| {
            let mut bindings = Bindings::new();
            let rest = fit(matcher, &input, &mut bindings)?;
            rest.is_empty().then(|| write(body, &bindings))?
        })
    }
}

fn is_punctuation(token: Option<&TokenTree>, character: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == character)
}

fn parts(tokens: TokenStream, is_matcher: bool) -> Result<Vec<Part>> {
    let mut tokens = tokens.into_iter().peekable();
    let mut parts = Vec::new();
    while let Some(token) = tokens.next() {
        parts.push(match token {
            TokenTree::Punct(dollar) if dollar.as_char() == '$' => match tokens.next() {
                Some(TokenTree::Ident(name)) if name == "crate" => {
                    Part::Token(TokenTree::Ident(Ident::new("crate", Span::call_site())))
                }
                Some(TokenTree::Ident(name)) => {
                    let fragment = if is_matcher {
                        tokens.nth(1).map(|fragment| fragment.to_string())
                    } else {
                        None
                    };
                    Part::Variable {
                        name: name.to_string(),
                        fragment: fragment.unwrap_or_default(),
                    }
                }
                Some(TokenTree::Group(group)) => {
                    let is_operator = |token: &TokenTree| {
                        ['*', '+', '?']
                            .iter()
                            .any(|sign| is_punctuation(Some(token), *sign))
                    };
                    let first = tokens.next().ok_or("a repetition in a macro ends early")?;
                    let (separator, operator) = if is_operator(&first) {
                        (None, Some(first))
                    } else {
                        (Some(first), tokens.next())
                    };
                    Part::Repeated {
                        parts: self::parts(group.stream(), is_matcher)?,
                        separator,
                        at_most_once: is_punctuation(operator.as_ref(), '?'),
                    }
                }
                other => {
                    return Err(format!(
                        "`${}` in a macro is not known here",
                        other.into_token_stream()
                    ));
                }
            },
            TokenTree::Group(group) => {
                Part::Group(group.delimiter(), self::parts(group.stream(), is_matcher)?)
            }
            token => Part::Token(token),
        });
    }
    Ok(parts)
}

/// Matches the beginning of `input` with a matcher, and returns the rest.
fn fit<'a>(
    matcher: &[Part],
    mut input: &'a [TokenTree],
    bindings: &mut Bindings,
) -> Option<&'a [TokenTree]> {
    for part in matcher {
        input = match part {
            Part::Token(token) => {
                let (first, rest) = input.split_first()?;
                (first.to_string() == token.to_string()).then_some(rest)?
            }
            Part::Group(delimiter, parts) => {
                let (TokenTree::Group(group), rest) = input.split_first()? else {
                    return None;
                };
                let inner: Vec<_> = group.stream().into_iter().collect();
                let all =
                    group.delimiter() == *delimiter && fit(parts, &inner, bindings)?.is_empty();
                all.then_some(rest)?
            }
            Part::Variable { name, fragment } => {
                let (tokens, rest) = take(fragment, input)?;
                bindings.insert(name.clone(), Bound::Once(tokens));
                rest
            }
            Part::Repeated {
                parts,
                separator,
                at_most_once,
            } => {
                let mut rounds = Vec::new();
                while rounds.is_empty() || !*at_most_once {
                    let mut from = input;
                    if let Some(separator) = separator.as_ref().filter(|_| !rounds.is_empty()) {
                        match from.split_first() {
                            Some((first, rest)) if first.to_string() == separator.to_string() => {
                                from = rest
                            }
                            _ => break,
                        }
                    }
                    let mut round = Bindings::new();
                    match fit(parts, from, &mut round) {
                        Some(rest) if rest.len() < input.len() => input = rest,
                        _ => break,
                    }
                    rounds.push(round);
                }
                for name in variables(parts) {
                    let often = rounds
                        .iter()
                        .filter_map(|round| round.get(name).cloned())
                        .collect();
                    bindings.insert(name.to_owned(), Bound::Often(often));
                }
                input
            }
        };
    }
    Some(input)
}

/// Takes a fragment from the beginning of `input`.
fn take<'a>(fragment: &str, input: &'a [TokenTree]) -> Option<(TokenStream, &'a [TokenTree])> {
    fn parsed<T: Parse + ToTokens>(
        input: ParseStream<'_>,
    ) -> syn::Result<(TokenStream, TokenStream)> {
        Ok((input.parse::<T>()?.into_token_stream(), input.parse()?))
    }
    let parser = match fragment {
        "tt" => parsed::<TokenTree>,
        "ident" => parsed::<Ident>,
        "literal" => parsed::<syn::Lit>,
        "meta" => parsed::<syn::Meta>,
        "ty" => parsed::<syn::Type>,
        "path" => parsed::<syn::Path>,
        "expr" => parsed::<syn::Expr>,
        "lifetime" => parsed::<syn::Lifetime>,
        "vis" => parsed::<syn::Visibility>,
        "block" => parsed::<syn::Block>,
        "item" => parsed::<syn::Item>,
        _ => return None,
    };
    let (taken, rest) = parser.parse2(input.iter().cloned().collect()).ok()?;
    Some((taken, &input[input.len() - rest.into_iter().count()..]))
}

fn variables(parts: &[Part]) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for part in parts {
        match part {
            Part::Variable { name, .. } => drop(names.insert(name.as_str())),
            Part::Group(_, parts) | Part::Repeated { parts, .. } => names.extend(variables(parts)),
            Part::Token(_) => {}
        }
    }
    names
}

/// Writes a rule's body. Returns none if a variable has another repetition depth than in the
/// matcher.
fn write(body: &[Part], bindings: &Bindings) -> Option<TokenStream> {
    let mut written = TokenStream::new();
    for part in body {
        match part {
            Part::Token(token) => written.extend([token.clone()]),
            Part::Group(delimiter, parts) => {
                written.extend([TokenTree::Group(Group::new(
                    *delimiter,
                    write(parts, bindings)?,
                ))]);
            }
            Part::Variable { name, .. } => match bindings.get(name)? {
                Bound::Once(tokens) => written.extend(tokens.clone()),
                Bound::Often(_) => return None,
            },
            Part::Repeated {
                parts, separator, ..
            } => {
                let names = variables(parts);
                let rounds = |name: &str| match bindings.get(name) {
                    Some(Bound::Often(rounds)) => Some(rounds),
                    _ => None,
                };
                let count = names
                    .iter()
                    .filter_map(|name| rounds(name))
                    .map(Vec::len)
                    .max()?;
                for round in 0..count {
                    let mut inner = bindings.clone();
                    for name in &names {
                        if let Some(bound) = rounds(name) {
                            inner.insert((*name).to_owned(), bound.get(round)?.clone());
                        }
                    }
                    written.extend(separator.clone().filter(|_| round > 0));
                    written.extend(write(parts, &inner)?);
                }
            }
        }
    }
    Some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(rules: &str, input: &str) -> Option<String> {
        let tokens = |text: &str| text.parse::<TokenStream>().unwrap();
        Rules::new(tokens(rules))
            .unwrap()
            .expand(&tokens(input))
            .map(|tokens| tokens.to_string().replace(' ', ""))
    }

    #[test]
    fn repetitions_and_options_are_written_as_often_as_they_came() {
        // Compare the text without spaces, because the spacing of tokens is not defined.
        let rules = "($(#[$doc:meta])* $name:ident, $most:expr $(, reserved $word:literal)?) => {
            $(#[$doc])* pub struct $name; const MOST: usize = $most; $(const WORD: &str = $word;)?
        };";
        assert_eq!(
            expand(rules, "/// Doc.\n Key, 1 + 2").as_deref(),
            Some("#[doc=\"Doc.\"]pubstructKey;constMOST:usize=1+2;")
        );
        assert_eq!(
            expand(rules, "Key, 3, reserved \"all\"").as_deref(),
            Some("pubstructKey;constMOST:usize=3;constWORD:&str=\"all\";")
        );
        assert_eq!(expand(rules, "Key; 3"), None);
    }

    #[test]
    fn repetitions_stand_in_repetitions() {
        let rules = "($($kind:ident { $($label:ident),* };)*) => { [$($kind($($label),*)),*] }";
        assert_eq!(
            expand(rules, "A {}; B { c, d };").as_deref(),
            Some("[A(),B(c,d)]")
        );
    }
}
