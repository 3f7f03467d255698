//! JSON pointers, as users write them.

use super::key::MOST_BYTES;

/// The most parts of a pointer. As many levels of a document have places that are tracked.
pub(super) const MOST_PARTS: usize = 16;

/// A JSON pointer, and the slot of the number to which it points.
#[derive(Clone, Debug)]
pub(super) struct Pointer {
    pub(super) parts: Vec<String>,
    pub(super) slot: usize,
}

impl Pointer {
    pub(super) fn parse(pointer: &str) -> Option<Self> {
        let mut parts = Vec::new();
        for part in pointer.strip_prefix('/')?.split('/') {
            if part
                .split('~')
                .skip(1)
                .any(|rest| !rest.starts_with(['0', '1']))
            {
                return None;
            }
            parts.push(part.replace("~1", "/").replace("~0", "~"));
        }
        let fits = parts.len() <= MOST_PARTS && parts.iter().all(|part| part.len() <= MOST_BYTES);
        fits.then_some(Self { parts, slot: 0 })
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
        assert_eq!(
            parts("/a~1b/m~0n/~01/0"),
            Some(["a/b", "m~n", "~1", "0"].map(String::from).to_vec())
        );
        for bad in ["", "a", "a/b", "/~", "/~2", "/a~"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
        assert!(parts(&"/a".repeat(16)).is_some() && parts(&"/a".repeat(17)).is_none());
        assert!(
            parts(&format!("/{}", "a".repeat(64))).is_some()
                && parts(&format!("/{}", "a".repeat(65))).is_none()
        );
    }
}
