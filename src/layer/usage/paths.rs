//! The places in a document at which numbers are wanted.

use super::{
    pointer::Pointer,
    table::{Field, SLOTS, TABLE},
};

/// A place in a document, by its index in [`Paths`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node(u16);

impl Node {
    /// A place at which, and below which, nothing is wanted.
    pub(super) const NOWHERE: Self = Self(u16::MAX);
    pub(super) const ROOT: Self = Self(0);
}

/// The places at which numbers are wanted, and the paths to them.
#[derive(Debug)]
pub(crate) struct Paths {
    nodes: Vec<PathNode>,
    slots: usize,
}

#[derive(Debug)]
struct PathNode {
    /// The slot of the pointers to this place.
    pointed: Option<usize>,
    /// The slot of the table's field at this place.
    field: Option<usize>,
    children: Vec<(Box<str>, Node)>,
    /// The [`mark`]s of the children. The marks exclude most keys of a document without a
    /// comparison.
    marks: u64,
    /// The place of the elements of a list that are not among the children.
    elements: Node,
}

impl PathNode {
    const EMPTY: Self = Self {
        pointed: None,
        field: None,
        children: Vec::new(),
        marks: 0,
        elements: Node::NOWHERE,
    };
}

impl Paths {
    /// Builds the paths to the places of these pointers, each of which gets a slot, and to the
    /// fields of the table.
    ///
    /// Returns `None` if there are no places, or too many.
    pub(super) fn new<'a>(
        pointers: impl Iterator<Item = &'a mut Pointer>,
        table: bool,
    ) -> Option<Self> {
        let mut paths = Self {
            nodes: vec![PathNode::EMPTY],
            slots: SLOTS,
        };
        for Pointer { parts, slot } in pointers {
            let node = parts
                .iter()
                .try_fold(Node::ROOT, |node, part| paths.add_child(node, part))?;
            let next = paths.slots;
            // Two pointers to one place share a slot.
            *slot = *paths.place_mut(node)?.pointed.get_or_insert(next);
            paths.slots = paths.slots.max(*slot + 1);
        }
        // The table comes after the pointers, because an element that a pointer names is an element
        // of the table, too.
        for row in TABLE.iter().filter(|_| table) {
            for (field, pointer) in row.pointers() {
                paths.add_field(Node::ROOT, &pointer, field)?;
            }
        }
        (paths.nodes.len() > 1).then_some(paths)
    }

    /// Adds a field at the path `parts` below `node`.
    fn add_field(&mut self, node: Node, parts: &[&str], field: Field) -> Option<()> {
        match parts.split_first() {
            None => self.place_mut(node)?.field = Some(field as usize),
            Some((&"*", rest)) => {
                if self.place(node)?.elements == Node::NOWHERE {
                    self.place_mut(node)?.elements = self.add()?;
                }
                let PathNode {
                    children, elements, ..
                } = self.place(node)?;
                let named = children
                    .iter()
                    .filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_digit()));
                let elements: Vec<_> = named.map(|(_, child)| *child).chain([*elements]).collect();
                for element in elements {
                    self.add_field(element, rest, field)?;
                }
            }
            Some((part, rest)) => {
                let child = self.add_child(node, part)?;
                self.add_field(child, rest, field)?;
            }
        }
        Some(())
    }

    fn add_child(&mut self, node: Node, part: &str) -> Option<Node> {
        match self.child(node, part.as_bytes()) {
            Node::NOWHERE => {
                let new = self.add()?;
                let place = self.place_mut(node)?;
                place.children.push((part.into(), new));
                place.marks |= mark(part.as_bytes());
                Some(new)
            }
            known => Some(known),
        }
    }

    fn add(&mut self) -> Option<Node> {
        let node = Node(
            u16::try_from(self.nodes.len())
                .ok()
                .filter(|index| *index < u16::MAX)?,
        );
        self.nodes.push(PathNode::EMPTY);
        Some(node)
    }

    fn place(&self, Node(index): Node) -> Option<&PathNode> {
        self.nodes.get(usize::from(index))
    }

    fn place_mut(&mut self, Node(index): Node) -> Option<&mut PathNode> {
        self.nodes.get_mut(usize::from(index))
    }

    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// Returns the slots of the number at this place.
    pub(super) fn slots_of(&self, node: Node) -> impl Iterator<Item = usize> {
        self.place(node)
            .into_iter()
            .flat_map(|place| place.pointed.into_iter().chain(place.field))
    }

    /// Returns `true` if a number is wanted here.
    pub(super) fn wants(&self, node: Node) -> bool {
        self.slots_of(node).next().is_some()
    }

    /// Returns `true` if the elements of a list at this place are wanted.
    pub(super) fn wants_elements(&self, node: Node) -> bool {
        self.place(node)
            .is_some_and(|place| place.elements != Node::NOWHERE)
    }

    /// Returns `true` if keys below this place are wanted.
    pub(super) fn leads_on(&self, node: Node) -> bool {
        self.place(node)
            .is_some_and(|place| !place.children.is_empty())
    }

    /// Returns the place of the value of this key.
    pub(super) fn child(&self, node: Node, key: &[u8]) -> Node {
        let Some(place) = self
            .place(node)
            .filter(|place| place.marks & mark(key) != 0)
        else {
            return Node::NOWHERE;
        };
        place
            .children
            .iter()
            .find(|(name, _)| name.as_bytes() == key)
            .map_or(Node::NOWHERE, |(_, child)| *child)
    }

    /// Returns the place of the element of an array.
    pub(super) fn element(&self, node: Node, index: u32) -> Node {
        let Some(place) = self.place(node) else {
            return Node::NOWHERE;
        };
        // Pointers write an index without leading zeros.
        let is =
            |name: &str| !(name.len() > 1 && name.starts_with('0')) && name.parse() == Ok(index);
        let digits = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        place
            .children
            .iter()
            .find(|(name, _)| digits(name) && is(name))
            .map_or(place.elements, |(_, child)| *child)
    }
}

/// Returns one bit, which depends on the length and the first byte of a key.
fn mark(key: &[u8]) -> u64 {
    1 << ((key.len() + usize::from(key.first().copied().unwrap_or_default())) % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_to_one_place_share_a_slot_and_leave_the_table_its_own() {
        let mut pointers = ["/usage/total_tokens", "/a", "/b", "/a"]
            .map(|pointer| Pointer::parse(pointer).unwrap());
        let paths = Paths::new(pointers.iter_mut(), true).unwrap();
        assert_eq!(
            pointers.map(|pointer| pointer.slot),
            [SLOTS, SLOTS + 1, SLOTS + 2, SLOTS + 1]
        );
        let slots = |path: &[&str]| {
            let node = path
                .iter()
                .fold(Node::ROOT, |node, key| paths.child(node, key.as_bytes()));
            paths.slots_of(node).collect::<Vec<_>>()
        };
        assert_eq!(
            slots(&["usage", "total_tokens"]),
            [SLOTS, Field::Total as usize]
        );
        assert_eq!(slots(&["a"]), [SLOTS + 1]);
        assert_eq!(slots(&["usage"]), [0; 0]);
        assert_eq!(slots(&["c"]), [0; 0]);
    }

    #[test]
    fn an_element_that_a_pointer_names_is_an_element_too() {
        let mut pointer = Pointer::parse("/0/usageMetadata/totalTokenCount").unwrap();
        let paths = Paths::new(std::iter::once(&mut pointer), true).unwrap();
        for (index, slots) in [
            (0, &[SLOTS, Field::Total as usize][..]),
            (1, &[Field::Total as usize]),
        ] {
            let usage = paths.child(paths.element(Node::ROOT, index), b"usageMetadata");
            assert_eq!(
                paths
                    .slots_of(paths.child(usage, b"totalTokenCount"))
                    .collect::<Vec<_>>(),
                slots
            );
        }
    }
}
