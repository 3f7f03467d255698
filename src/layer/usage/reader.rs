//! What has been found in a body so far.

use smallvec::SmallVec;

use super::{Told, Usage, paths::Paths, scanner::Scanner};
use crate::layer::settle::BadAmount;

/// Reads a body as it comes.
#[derive(Debug)]
pub(in crate::layer) struct Reader {
    scanner: Scanner,
    /// By slot: the last number.
    found: SmallVec<[Option<u64>; 10]>,
    problem: Problem,
    /// How much of a byte order mark has come.
    mark: Option<usize>,
}

/// Something that gives no amount. Told once.
#[derive(Clone, Copy, Debug)]
enum Problem {
    None,
    Some(BadAmount),
    Told,
}

const MARK: &[u8] = "\u{feff}".as_bytes();

impl Reader {
    pub(in crate::layer) fn new(paths: &Paths) -> Self {
        Self {
            scanner: Scanner::default(),
            found: SmallVec::from_elem(None, paths.slots()),
            problem: Problem::None,
            mark: Some(0),
        }
    }

    /// Reads the next piece of a document.
    pub(in crate::layer) fn read(&mut self, paths: &Paths, piece: &[u8]) {
        let piece = self.without_mark(piece);
        let Self { scanner, found, problem, .. } = self;
        scanner.read(paths, piece, &mut |slot, number| match number {
            Ok(number) => {
                if let Some(found) = found.get_mut(slot) {
                    *found = Some(number);
                }
            }
            Err(bad) if matches!(problem, Problem::None) => *problem = Problem::Some(bad),
            Err(_) => {}
        });
    }

    /// Another document comes.
    pub(in crate::layer) fn begin_again(&mut self) {
        self.mark = None;
        self.scanner.begin_again();
    }

    /// Whether nothing more can be found in the document.
    pub(in crate::layer) fn is_lost(&self) -> bool {
        self.scanner.is_lost()
    }

    /// What was found so far.
    pub(in crate::layer) fn amount(&self, usage: &Usage) -> Option<Told> {
        usage.told(|slot| self.found.get(slot).copied().flatten())
    }

    /// What was wrong with a number, once.
    pub(in crate::layer) fn take_problem(&mut self) -> Option<BadAmount> {
        match std::mem::replace(&mut self.problem, Problem::Told) {
            Problem::Some(bad) => Some(bad),
            other => {
                self.problem = other;
                None
            }
        }
    }

    /// Some put a byte order mark before their JSON.
    fn without_mark<'a>(&mut self, mut piece: &'a [u8]) -> &'a [u8] {
        while let (Some(matched), Some((byte, rest))) = (self.mark, piece.split_first()) {
            match MARK.get(matched) {
                Some(expected) if expected == byte => {
                    self.mark = Some(matched + 1);
                    piece = rest;
                }
                // A part of one is no JSON: so it is told to the scanner.
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
