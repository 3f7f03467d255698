//! Floors: the order of folders in which each may import only from lower ones.

use std::collections::BTreeSet;

use crate::{Imports, ModulePath};

/// The rooms of a folder, floor by floor from the top. A room is a folder or a file; it may import
/// from itself and from lower floors. Rooms of one floor do not import from each other.
#[derive(Clone, Copy, Debug)]
pub struct Floors<'a> {
    /// The folder, `""` for the whole crate.
    pub folder: &'a str,
    /// The names of the rooms.
    pub floors: &'a [&'a [&'a str]],
}

/// An import that no floor allows: the importing room, the imported room (both with the folder
/// before them), and the name.
pub type Upward = (String, String, String);

impl Floors<'_> {
    /// Returns the rooms on these floors that are not in the sources.
    pub fn missing(&self, imports: &Imports) -> BTreeSet<String> {
        let there: BTreeSet<_> = imports.keys().filter_map(|file| self.room(file)).collect();
        self.floors
            .iter()
            .copied()
            .flatten()
            .filter(|room| !there.contains(*room))
            .map(|room| (*room).to_owned())
            .collect()
    }

    /// Returns the rooms of the folder that are on no floor.
    pub fn without_floor(&self, imports: &Imports) -> BTreeSet<String> {
        let rooms = imports.keys().filter_map(|file| self.room(file));
        rooms
            .filter(|room| self.floor(room).is_none())
            .map(|room| self.path(room))
            .collect()
    }

    /// Returns every import from a room to a room that is not on a lower floor. Rooms without a
    /// floor are left out.
    pub fn upward(&self, imports: &Imports) -> BTreeSet<Upward> {
        let mut found = BTreeSet::new();
        for (from, targets) in imports {
            for (to, names) in targets {
                let (Some(from), Some(to)) = (self.room(from), self.room(to)) else {
                    continue;
                };
                let (Some(upper), Some(lower)) = (self.floor(from), self.floor(to)) else {
                    continue;
                };
                if from != to && upper >= lower {
                    found.extend(
                        names
                            .iter()
                            .map(|name| (self.path(from), self.path(to), name.clone())),
                    );
                }
            }
        }
        found
    }

    fn path(&self, room: &str) -> String {
        if self.folder.is_empty() {
            room.to_owned()
        } else {
            format!("{}/{room}", self.folder)
        }
    }

    fn floor(&self, room: &str) -> Option<usize> {
        self.floors.iter().position(|rooms| rooms.contains(&room))
    }

    /// Returns the room of the folder in which a file is. The folder's own `mod.rs` and `lib.rs`
    /// are in none.
    fn room<'a>(&self, file: &'a ModulePath) -> Option<&'a str> {
        let depth = self
            .folder
            .split('/')
            .filter(|name| !name.is_empty())
            .count();
        if file.is_in(self.folder) {
            file.0.get(depth).map(String::as_str)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_upward_or_to_the_same_floor_is_reported() {
        let path = |text: &str| ModulePath(text.split('/').map(str::to_owned).collect());
        let mut imports = Imports::new();
        for (from, to) in [
            ("top/a", "low/b"),
            ("low/b", "top/a"),
            ("low/c", "low/b"),
            ("beside", "low/b"),
            ("new", "top"),
        ] {
            imports
                .entry(path(from))
                .or_default()
                .entry(path(to))
                .or_default()
                .insert("Name".to_owned());
        }
        let floors = Floors {
            folder: "",
            floors: &[&["top"], &["low", "beside", "gone"]],
        };
        let told = |from: &str, to: &str| (from.to_owned(), to.to_owned(), "Name".to_owned());
        assert_eq!(
            floors.upward(&imports),
            BTreeSet::from([told("low", "top"), told("beside", "low")])
        );
        assert_eq!(
            floors.missing(&imports),
            BTreeSet::from(["gone".to_owned()])
        );
        assert_eq!(
            floors.without_floor(&imports),
            BTreeSet::from(["new".to_owned()])
        );

        let path = |text: &str| text.to_owned();
        let inside = Floors {
            folder: "low",
            floors: &[&["b"], &["c"]],
        };
        assert_eq!(
            inside.upward(&imports),
            BTreeSet::from([(path("low/c"), path("low/b"), path("Name"))])
        );
    }
}
