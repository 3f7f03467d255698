//! The public API of a crate as one text.

mod implementations;
mod members;
mod print;
mod surface;

use std::{collections::BTreeMap, fmt::Write, iter};

use syn::{Attribute, Item};

use self::{
    implementations::Implementations,
    surface::{Entry, Leads, Surface},
};
use crate::{ModulePath, Sources, Target, cfg, sources};

/// Returns the public API of a crate in Markdown: a heading for each public module, and below it a
/// line for each item. The members of an item are indented lines below it.
///
/// An item that several modules export is listed in the one that is nearest to its definition. The
/// other modules have a `pub use`.
pub fn listing(sources: &Sources) -> String {
    let surface = Surface::new(sources);
    let implementations = Implementations::new(sources, &surface);
    let mut text = String::new();
    for (path, module) in &surface.modules {
        let mut sections: Vec<_> = module
            .entries
            .iter()
            .map(|entry| {
                section(
                    sources,
                    &surface,
                    &implementations,
                    path,
                    &module.gates,
                    entry,
                )
            })
            .collect();
        sections.sort();
        let name = in_crate(sources, path, None);
        let _ = write!(
            text,
            "\n## {name}{}\n\n```rust\n",
            comment(" (", &module.gates, ")")
        );
        for (.., lines) in sections {
            text.push_str(&lines);
        }
        text.push_str("```\n");
    }
    text
}

/// Returns the path of a module or of an item in it, with the name of the crate.
fn in_crate(sources: &Sources, module: &ModulePath, item: Option<&String>) -> String {
    let segments = iter::once(&sources.name)
        .chain(&module.0)
        .chain(item)
        .map(String::as_str);
    segments.collect::<Vec<_>>().join("::")
}

/// The lines of an entry, after its sort keys: the kind and the name.
type Section = (usize, String, String);

fn section(
    sources: &Sources,
    surface: &Surface,
    implementations: &Implementations<'_>,
    here: &ModulePath,
    around: &[String],
    entry: &Entry,
) -> Section {
    let target = match &entry.leads {
        Leads::Elsewhere(path) => {
            return (
                0,
                entry.name.clone(),
                export(path, &entry.name, &entry.gates, around),
            );
        }
        Leads::Here(target) => target,
    };
    if let Some((home, name)) = surface
        .home(target)
        .filter(|(home, name)| home != here || *name != entry.name)
    {
        let path = in_crate(sources, home, Some(name));
        return (
            0,
            entry.name.clone(),
            export(&path, &entry.name, &entry.gates, around),
        );
    }
    let mut lines = String::new();
    let mut kind = 0;
    for item in surface::items(sources, target) {
        let Some(declaration) = print::declaration(item) else {
            continue;
        };
        kind = match item {
            Item::Const(_) | Item::Static(_) => 1,
            Item::Macro(_) => 2,
            Item::Fn(_) => 3,
            _ => 4,
        };
        let attributes = sources::attributes(item);
        let gates = [entry.gates.as_slice(), &cfg::gates(attributes)].concat();
        push(&mut lines, 0, &declaration, &gates, attributes, around);
        for (text, attributes) in members::members(item) {
            push(
                &mut lines,
                1,
                &text,
                &cfg::gates(attributes),
                attributes,
                around,
            );
        }
    }
    // The gates of a definition are already printed on its own line.
    let known = [around, &entry.gates].concat();
    belongings(&mut lines, implementations, target, &known);
    (kind, entry.name.clone(), lines)
}

/// Adds the implementations for a type, or the types that implement a trait.
fn belongings(
    lines: &mut String,
    implementations: &Implementations<'_>,
    target: &Target,
    around: &[String],
) {
    let mut blocks = BTreeMap::<_, Vec<_>>::new();
    for (item, gates) in implementations.inherent(target) {
        let block = blocks.entry(members::narrowed(item)).or_default();
        block.extend(
            members::inherent(item)
                .into_iter()
                .map(|(text, attributes)| {
                    let gates = [gates, &cfg::gates(attributes)].concat();
                    (name_in(&text), text, gates, attributes)
                }),
        );
    }
    for (header, mut block) in blocks {
        block.sort_by(|(name, text, ..), (other, other_text, ..)| {
            (name, text).cmp(&(other, other_text))
        });
        if let Some(header) = header.as_ref().filter(|_| !block.is_empty()) {
            push(lines, 1, header, &[], &[], &[]);
        }
        for (_, text, gates, attributes) in block {
            push(
                lines,
                if header.is_some() { 2 } else { 1 },
                &text,
                &gates,
                attributes,
                around,
            );
        }
    }
    for (word, found) in [
        ("impl", implementations.traits(target)),
        ("implemented for", implementations.implementors(target)),
    ] {
        let names: Vec<_> = found
            .iter()
            .map(|(name, gates)| format!("{name}{}", comment(" (", &unknown(gates, around), ")")))
            .collect();
        if !names.is_empty() {
            push(
                lines,
                1,
                &format!("{word} {}", names.join(", ")),
                &[],
                &[],
                &[],
            );
        }
    }
}

/// Returns the sort keys of the items of a block: constants before functions, then the name.
fn name_in(text: &str) -> (bool, String) {
    let (is_function, after) = match text.split_once("fn ") {
        Some((_, after)) => (true, after),
        None => (
            false,
            text.split_once("const ").map_or(text, |(_, after)| after),
        ),
    };
    let end = after
        .find(|character: char| !character.is_alphanumeric() && character != '_')
        .unwrap_or(after.len());
    (is_function, after[..end].to_owned())
}

fn export(path: &str, name: &str, gates: &[String], around: &[String]) -> String {
    let renamed = if name.is_empty() || path.ends_with(&format!("::{name}")) {
        String::new()
    } else {
        format!(" as {name}")
    };
    let mut line = String::new();
    push(
        &mut line,
        0,
        &format!("pub use {path}{renamed}"),
        gates,
        &[],
        around,
    );
    line
}

fn push(
    lines: &mut String,
    depth: usize,
    text: &str,
    gates: &[String],
    attributes: &[Attribute],
    around: &[String],
) {
    let mut notes = unknown(gates, around);
    let is_hidden = |attribute: &Attribute| {
        attribute.path().is_ident("doc")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|word| word == "hidden")
    };
    if attributes.iter().any(is_hidden) {
        notes.push("hidden".to_owned());
    }
    let _ = writeln!(
        lines,
        "{:indent$}{text}{}",
        "",
        comment("  // ", &notes, ""),
        indent = 4 * depth
    );
}

/// Returns the gates that are not printed around an item, each once.
fn unknown(gates: &[String], around: &[String]) -> Vec<String> {
    let mut unknown: Vec<_> = gates
        .iter()
        .filter(|gate| !around.contains(gate))
        .cloned()
        .collect();
    unknown.sort();
    unknown.dedup();
    unknown
}

fn comment(before: &str, notes: &[String], after: &str) -> String {
    if notes.is_empty() {
        String::new()
    } else {
        format!("{before}{}{after}", notes.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_public_item_has_a_line_where_it_is_nearest_to_its_definition() {
        let sources = Sources::from_text(&[
            ("", true, "mod a; pub mod b; pub use a::{Thing, Trait}; pub use b::Kind; pub use std::fmt;"),
            (
                "a",
                false,
                "#[derive(Clone, Debug)] #[non_exhaustive] pub struct Thing<T> { pub one: Vec<(T, u8)>, two: u8 }
                 pub trait Trait { type Out: Send; fn must(&self) -> Self::Out; fn may(mut self) {} }
                 impl<T> Trait for Vec<T> {} impl Trait for Hidden {} struct Hidden; pub fn hidden() {}
                 impl<T> Thing<T> { pub fn z(&mut self, mut to: super::b::Kind) {} pub const A: u8 = 1; fn private() {} }",
            ),
            (
                "b",
                true,
                "pub enum Kind { One, Two { a: u8, b: Option<u8> }, #[cfg(feature = \"f\")] Three(u8) }
                 impl<T> From<crate::Thing<T>> for Kind {} #[cfg(feature = \"g\")] impl Drop for Kind {}
                 impl crate::Thing<u8> { #[cfg(feature = \"f\")] pub async fn only(self) -> crate::Kind {} }
                 pub fn free<F>(f: F) -> impl Fn() where F: Fn(u8) -> Result<u8, crate::a::Thing<u8>> {}",
            ),
        ]);
        let listed = "
## example

```rust
pub use example::b::Kind
pub use std::fmt
#[non_exhaustive] pub struct Thing<T> { .. }
    pub one: Vec<(T, u8)>
    pub const A: u8
    pub fn z(&mut self, to: Kind)
    impl crate::Thing<u8>
        pub async fn only(self) -> crate::Kind  // feature \"f\"
    impl Clone, Debug
pub trait Trait
    type Out: Send
    fn must(&self) -> Self::Out
    fn may(self) { .. }
    implemented for Vec<T>
```

## example::b

```rust
pub fn free<F>(f: F) -> impl Fn() where F: Fn(u8) -> Result<u8, Thing<u8>>
pub enum Kind
    One
    Two { a: u8, b: Option<u8> }
    Three(u8)  // feature \"f\"
    impl Drop (feature \"g\"), From<crate::Thing<T>>
```
";
        assert_eq!(
            listing(&sources),
            listed,
            "{}",
            crate::difference(listed, &listing(&sources), 99)
        );
    }
}
