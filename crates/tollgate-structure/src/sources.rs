//! Reads the modules of a crate.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use syn::{Attribute, Item, ItemMacro, ItemMod, Visibility};

use crate::{ModulePath, Result, cfg, expand::Rules};

/// The modules of a crate. Modules and items that only tests or the documentation have are left
/// out.
pub struct Sources {
    /// The crate's name, as code writes it.
    pub name: String,
    /// All modules.
    pub modules: BTreeMap<ModulePath, Module>,
}

/// A module: a file, or a `mod` with a body in one.
pub struct Module {
    /// The path of the module.
    pub path: ModulePath,
    /// The module that the file is: `path`, or a module around it.
    pub file: ModulePath,
    /// True if the module is declared `pub`.
    pub is_public: bool,
    /// The conditions of `#[cfg]` for the module and for the modules around it, as text.
    pub gates: Vec<String>,
    /// The items of the module, with macros of the crate expanded, and without the modules in it.
    pub items: Vec<Item>,
}

impl Sources {
    /// Reads the crate `name` whose `lib.rs` is in the folder `src`.
    ///
    /// # Errors
    /// A sentence that names the file which cannot be read, or the macro that cannot be expanded.
    pub fn read(name: &str, src: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        parse_all(src, &mut files)?;
        let mut rules = BTreeMap::new();
        for item in files.values().flat_map(|file| &file.items) {
            if let Item::Macro(ItemMacro {
                ident: Some(ident),
                mac,
                ..
            }) = item
            {
                rules.insert(ident.to_string(), Rules::new(mac.tokens.clone())?);
            }
        }
        let sources = Self {
            name: name.to_owned(),
            modules: BTreeMap::new(),
        };
        let mut reader = Reader {
            files,
            rules,
            sources,
        };
        let root = reader.take(&src.join("lib.rs"))?;
        let module = Module {
            path: ModulePath::default(),
            file: ModulePath::default(),
            is_public: true,
            gates: Vec::new(),
            items: Vec::new(),
        };
        reader.module(module, root.items, src)?;
        Ok(reader.sources)
    }

    /// Returns the crate `example` whose modules have these paths, are public or not, and have
    /// these texts.
    #[cfg(test)]
    pub(crate) fn from_text(modules: &[(&str, bool, &str)]) -> Self {
        let module = |(path, is_public, text): &(&str, bool, &str)| {
            let path = ModulePath(
                path.split('/')
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned)
                    .collect(),
            );
            let mut items = syn::parse_file(text).unwrap().items;
            items.retain(|item| !matches!(item, Item::Mod(_)));
            (
                path.clone(),
                Module {
                    file: path.clone(),
                    path,
                    is_public: *is_public,
                    gates: Vec::new(),
                    items,
                },
            )
        };
        Self {
            name: "example".to_owned(),
            modules: modules.iter().map(module).collect(),
        }
    }
}

fn parse_all(folder: &Path, files: &mut BTreeMap<PathBuf, syn::File>) -> Result<()> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.is_dir() {
            parse_all(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            let file =
                syn::parse_file(&text).map_err(|error| format!("{}: {error}", path.display()))?;
            files.insert(path, file);
        }
    }
    Ok(())
}

struct Reader {
    files: BTreeMap<PathBuf, syn::File>,
    rules: BTreeMap<String, Rules>,
    sources: Sources,
}

impl Reader {
    fn take(&mut self, file: &Path) -> Result<syn::File> {
        self.files
            .remove(file)
            .ok_or_else(|| format!("{} is not there, or is declared twice", file.display()))
    }

    /// Adds a module with these items. The files of modules in it are in `folder`.
    fn module(&mut self, mut module: Module, items: Vec<Item>, folder: &Path) -> Result<()> {
        let mut inside = Vec::new();
        for item in self.expanded(items)? {
            match item {
                Item::Mod(item) => inside.push(item),
                item => module.items.push(item),
            }
        }
        for ItemMod {
            attrs,
            vis,
            ident,
            content,
            ..
        } in inside
        {
            let mut gates = module.gates.clone();
            gates.extend(cfg::gates(&attrs));
            let name = ident.to_string();
            let path = module.path.child(&name);
            let is_public = matches!(vis, Visibility::Public(_));
            let below = folder.join(&name);
            let (file, items) = match content {
                Some((_, items)) => (module.file.clone(), items),
                None => {
                    let beside = folder.join(format!("{name}.rs"));
                    let file = if self.files.contains_key(&beside) {
                        beside
                    } else {
                        below.join("mod.rs")
                    };
                    (path.clone(), self.take(&file)?.items)
                }
            };
            self.module(
                Module {
                    path,
                    file,
                    is_public,
                    gates,
                    items: Vec::new(),
                },
                items,
                &below,
            )?;
        }
        self.sources.modules.insert(module.path.clone(), module);
        Ok(())
    }

    /// Returns the items of the library. Macros are replaced by the items that they make.
    fn expanded(&self, items: Vec<Item>) -> Result<Vec<Item>> {
        let mut found = Vec::new();
        for item in items {
            if cfg::is_excluded(attributes(&item)) {
                continue;
            }
            let Item::Macro(ItemMacro {
                ident: None, mac, ..
            }) = &item
            else {
                found.push(item);
                continue;
            };
            let name = mac
                .path
                .segments
                .last()
                .map(|segment| segment.ident.to_string())
                .unwrap_or_default();
            // `pin_project!` repeats its input, and adds items that nobody else sees.
            let tokens = match self.rules.get(&name) {
                Some(rules) => rules
                    .expand(&mac.tokens)
                    .ok_or_else(|| cannot_expand(&name))?,
                None if name == "pin_project" => mac.tokens.clone(),
                None => {
                    found.push(item);
                    continue;
                }
            };
            let made = syn::parse2::<syn::File>(tokens)
                .map_err(|error| format!("{}: {error}", cannot_expand(&name)))?;
            found.extend(self.expanded(made.items)?);
        }
        Ok(found)
    }
}

fn cannot_expand(name: &str) -> String {
    format!(
        "an invocation of the macro {name}! cannot be expanded: write it simpler, or extend src/expand.rs of this crate"
    )
}

/// Returns the attributes of an item.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
