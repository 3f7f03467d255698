//! Collects the numbers that are found in a body.

use smallvec::SmallVec;

use super::{
    paths::Paths,
    scanner::{Read, Scanner},
    table::{SLOTS, SUMS},
};
use crate::layer::terms::BadAmount;

/// Reads a body incrementally.
#[derive(Debug)]
pub(crate) struct Reader {
    scanner: Scanner,
    /// The largest number of each slot.
    found: SmallVec<[Option<u64>; SLOTS]>,
    /// The sum over the current list, of each slot that is a sum.
    sums: [u64; SUMS],
    /// The first value that is not an amount, and was not taken yet.
    problem: Option<BadAmount>,
    /// The number of bytes of a byte order mark that have come; `None` if none can follow.
    mark: Option<usize>,
}

const MARK: &[u8] = "\u{feff}".as_bytes();

impl Reader {
    pub(crate) fn new(paths: &Paths) -> Self {
        Self {
            scanner: Scanner::default(),
            found: SmallVec::from_elem(None, paths.slots()),
            sums: [0; SUMS],
            problem: None,
            mark: Some(0),
        }
    }

    /// Reads the next piece of a document.
    pub(crate) fn read(&mut self, paths: &Paths, piece: &[u8]) {
        let piece = self.without_mark(piece);
        let Self {
            scanner,
            found,
            sums,
            problem,
            ..
        } = self;
        scanner.read(paths, piece, &mut |read| match read {
            Read::Number(node, number) => {
                for slot in paths.slots_of(node) {
                    let number = sums.get_mut(slot).map_or(number, |sum| {
                        *sum = sum.saturating_add(number);
                        *sum
                    });
                    // Streams repeat their numbers as they grow. A smaller number takes nothing
                    // back.
                    if let Some(found) = found.get_mut(slot) {
                        *found = (*found).max(Some(number));
                    }
                }
            }
            Read::List => *sums = [0; SUMS],
            Read::Bad(bad) => *problem = problem.or(Some(bad)),
        });
    }

    /// Begins another document.
    pub(crate) fn begin_again(&mut self) {
        self.mark = None;
        self.scanner.begin_again();
    }

    /// Returns `true` if nothing more can be found in the document.
    pub(crate) fn is_lost(&self) -> bool {
        self.scanner.is_lost()
    }

    /// Returns the number in a slot.
    pub(super) fn found(&self, slot: usize) -> Option<u64> {
        self.found.get(slot).copied().flatten()
    }

    /// Returns the first value that is not an amount since the last call.
    pub(crate) fn take_problem(&mut self) -> Option<BadAmount> {
        self.problem.take()
    }

    /// Skips a byte order mark. Some servers put one before their JSON.
    fn without_mark<'a>(&mut self, mut piece: &'a [u8]) -> &'a [u8] {
        while let (Some(matched), Some((byte, rest))) = (self.mark, piece.split_first()) {
            match MARK.get(matched) {
                Some(expected) if expected == byte => {
                    self.mark = Some(matched + 1);
                    piece = rest;
                }
                // A part of a byte order mark is not JSON. The scanner gets a whole mark, and finds
                // out that this is not JSON.
                Some(_) if matched > 0 => {
                    self.mark = None;
                    return MARK;
                }
                _ => self.mark = None,
            }
        }
        piece
    }
}
