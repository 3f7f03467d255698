//! Where in a document numbers are wanted.

use super::{Usage, What, key::MOST_BYTES};

/// The most parts of a pointer: the levels of a document that are told apart.
pub(super) const MOST_PARTS: usize = 16;

/// A number of a `usage` object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Prompt,
    Completion,
    Total,
    Input,
    Output,
    CacheCreation,
    CacheRead,
    /// The tokens out that a message begins with.
    FirstOutput,
}

/// Numbers of a `usage` object, each with a slot of its own.
const SLOTS: usize = 8;

const FIELDS: [(Field, &str); 7] = [
    (Field::Prompt, "prompt_tokens"),
    (Field::Completion, "completion_tokens"),
    (Field::Total, "total_tokens"),
    (Field::Input, "input_tokens"),
    (Field::Output, "output_tokens"),
    (Field::CacheCreation, "cache_creation_input_tokens"),
    (Field::CacheRead, "cache_read_input_tokens"),
];

/// Where `usage` objects are.
const PLACES: [&[&str]; 3] = [&["usage"], &["message", "usage"], &["response", "usage"]];

/// A JSON pointer, and the slot of what it points at.
#[derive(Clone, Debug)]
pub(super) struct Pointer {
    parts: Vec<String>,
    slot: usize,
}

impl Pointer {
    pub(super) fn parse(pointer: &str) -> Option<Self> {
        let mut parts = Vec::new();
        for part in pointer.strip_prefix('/')?.split('/') {
            if part.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
                return None;
            }
            parts.push(part.replace("~1", "/").replace("~0", "~"));
        }
        let fits = parts.len() <= MOST_PARTS && parts.iter().all(|part| part.len() <= MOST_BYTES);
        fits.then_some(Self { parts, slot: 0 })
    }

    pub(super) fn slot(&self) -> usize {
        self.slot
    }
}

/// A place in a document, by its node in [`Paths`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node(u16);

impl Node {
    /// Where nothing is wanted, nor below.
    pub(super) const NOWHERE: Self = Self(u16::MAX);
    pub(super) const ROOT: Self = Self(0);
}

/// The places where numbers are wanted, and the ways to them.
#[derive(Debug)]
pub(in crate::layer) struct Paths {
    nodes: Vec<Place>,
    slots: usize,
}

#[derive(Debug, Default)]
struct Place {
    slot: Option<usize>,
    children: Vec<(Box<str>, Node)>,
}

impl Paths {
    /// What these ask for; `None` where it is nothing.
    pub(in crate::layer) fn of<'a>(usages: impl Iterator<Item = &'a mut Usage>) -> Option<Self> {
        let mut paths = Self { nodes: vec![Place::default()], slots: SLOTS };
        let mut fields = false;
        for usage in usages {
            match &mut usage.what {
                What::Pointers(pointers) => {
                    for Pointer { parts, slot } in pointers {
                        // Two of one place share a slot.
                        *slot = paths.add(parts.iter().map(String::as_str), paths.slots)?;
                        paths.slots = paths.slots.max(*slot + 1);
                    }
                }
                _ if fields => {}
                _ => {
                    fields = true;
                    for place in PLACES {
                        for (field, name) in FIELDS {
                            let field = match (place, field) {
                                (["message", _], Field::Output) => Field::FirstOutput,
                                _ => field,
                            };
                            paths.add(place.iter().copied().chain([name]), field as usize)?;
                        }
                    }
                }
            }
        }
        (paths.nodes.len() > 1).then_some(paths)
    }

    /// The slot of what is there: `slot`, unless it has one. `None` where there are too many.
    fn add<'a>(&mut self, parts: impl Iterator<Item = &'a str>, slot: usize) -> Option<usize> {
        let mut node = Node::ROOT;
        for part in parts {
            node = match self.child(node, part.as_bytes()) {
                Node::NOWHERE => {
                    let new = Node(u16::try_from(self.nodes.len()).ok().filter(|index| *index < u16::MAX)?);
                    self.nodes.push(Place::default());
                    self.nodes.get_mut(usize::from(node.0))?.children.push((part.into(), new));
                    new
                }
                known => known,
            };
        }
        Some(*self.nodes.get_mut(usize::from(node.0))?.slot.get_or_insert(slot))
    }

    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    fn place(&self, Node(index): Node) -> Option<&Place> {
        self.nodes.get(usize::from(index))
    }

    /// The slot of the number at this place.
    pub(super) fn slot(&self, node: Node) -> Option<usize> {
        self.place(node)?.slot
    }

    /// Whether anything is wanted below.
    pub(super) fn leads_on(&self, node: Node) -> bool {
        self.place(node).is_some_and(|place| !place.children.is_empty())
    }

    /// The value of this key.
    pub(super) fn child(&self, node: Node, key: &[u8]) -> Node {
        let children = self.place(node).map_or(&[][..], |place| &place.children);
        children.iter().find(|(name, _)| name.as_bytes() == key).map_or(Node::NOWHERE, |(_, child)| *child)
    }

    /// The element of an array.
    pub(super) fn element(&self, node: Node, index: u32) -> Node {
        let children = self.place(node).map_or(&[][..], |place| &place.children);
        // As pointers write it: without leading zeros.
        let is = |name: &str| !(name.len() > 1 && name.starts_with('0')) && name.parse() == Ok(index);
        let digits = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        children.iter().find(|(name, _)| digits(name) && is(name)).map_or(Node::NOWHERE, |(_, child)| *child)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(pointer: &str) -> Option<Vec<String>> {
        Pointer::parse(pointer).map(|pointer| pointer.parts)
    }

    #[test]
    fn pointers_are_those_of_the_rfc() {
        assert_eq!(parts("/"), Some(vec![String::new()]));
        assert_eq!(parts("/a~1b/m~0n/~01/0"), Some(["a/b", "m~n", "~1", "0"].map(String::from).to_vec()));
        for bad in ["", "a", "a/b", "/~", "/~2", "/a~"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
        assert!(parts(&"/a".repeat(16)).is_some() && parts(&"/a".repeat(17)).is_none());
        assert!(parts(&format!("/{}", "a".repeat(64))).is_some() && parts(&format!("/{}", "a".repeat(65))).is_none());
    }

    #[test]
    fn two_of_one_place_share_a_slot() {
        let mut usages = [Usage::pointer("/usage/total_tokens"), Usage::total(), Usage::pointers(["/a", "/b"])];
        let paths = Paths::of(usages.iter_mut()).unwrap();
        let leaf = |path: &[&str]| path.iter().fold(Node::ROOT, |node, key| paths.child(node, key.as_bytes()));
        let slots: Vec<_> = [&["usage", "total_tokens"][..], &["a"], &["b"], &["usage"], &["c"]]
            .map(|path| paths.slot(leaf(path)))
            .to_vec();
        assert_eq!(slots, [Some(8), Some(9), Some(10), None, None]);
    }
}
