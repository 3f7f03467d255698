//! The name of a module.

use std::fmt;

/// The path of a module from the root of its crate. The root is the empty path.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModulePath(pub Vec<String>);

impl ModulePath {
    /// Returns the path of the module `name` in this module.
    pub fn child(&self, name: &str) -> Self {
        let mut segments = self.0.clone();
        segments.push(name.to_owned());
        Self(segments)
    }

    /// Returns the path of the module around this one, or none for the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, around) = self.0.split_last()?;
        Some(Self(around.to_vec()))
    }

    /// Returns true if this is the module `folder` (as `limiter/gate`) or is inside it. Every
    /// module is inside the root, `""`.
    pub fn is_in(&self, folder: &str) -> bool {
        folder.is_empty()
            || folder
                .split('/')
                .enumerate()
                .all(|(at, name)| self.0.get(at).is_some_and(|segment| segment == name))
    }
}

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("lib")
        } else {
            f.write_str(&self.0.join("/"))
        }
    }
}
