//! Scans JSON incrementally.

use super::{
    key::ObjectKey,
    number::Number,
    paths::{Node, Paths},
    pointer::MOST_PARTS,
};
use crate::layer::terms::BadAmount;

/// The most levels of a document that are read.
const MOST_LEVELS: u32 = 128;

/// Finds numbers in JSON documents that come in pieces, one document after the other. The scanner
/// keeps its position and the current key or number, and nothing else of what it has read.
#[derive(Debug)]
pub(super) struct Scanner {
    state: ScannerState,
    /// The number of open arrays and objects.
    depth: u32,
    /// One bit for each open level, the innermost lowest: 1 for an object, 0 for an array.
    objects: u128,
    /// The places of the outer levels.
    levels: [NestingLevel; MOST_PARTS],
    /// The place of the value that comes next, or is being read.
    here: Node,
    key: ObjectKey,
    number: Number,
    /// A value that was read. The value is kept until the next character shows that it is complete.
    read: Option<Read>,
}

#[derive(Clone, Copy, Debug)]
struct NestingLevel {
    node: Node,
    /// The number of elements of an array that have begun.
    elements: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScannerState {
    /// A value must come.
    Value,
    /// An array has begun: a value or its end must come.
    FirstValue,
    /// A key must come.
    Key,
    /// An object has begun: a key or its end must come.
    FirstKey,
    Colon,
    /// A comma or the end of the innermost level must come.
    AfterValue,
    Text(Text, Inside),
    Number,
    /// In `true`, `false` or `null`: the bytes that are left.
    Word(&'static [u8]),
    /// The document is not JSON, or too deep.
    Lost,
}

/// The use of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    /// A key that may be wanted.
    Key,
    /// A key that is not wanted.
    OtherKey,
    Value,
}

/// The position in a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    Plain,
    Escape,
    /// The number of digits of a `\u` escape that have come, and their value.
    Unit(u8, u16),
}

/// A value that is read at a wanted place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Read {
    Number(Node, u64),
    /// A value that is not an amount.
    Bad(BadAmount),
    /// The beginning of a list whose elements are wanted.
    List,
}

impl Default for Scanner {
    fn default() -> Self {
        let nowhere = NestingLevel {
            node: Node::NOWHERE,
            elements: 0,
        };
        Self {
            state: ScannerState::Value,
            depth: 0,
            objects: 0,
            levels: [nowhere; MOST_PARTS],
            here: Node::ROOT,
            key: ObjectKey::default(),
            number: Number::default(),
            read: None,
        }
    }
}

impl Scanner {
    /// Begins another document, even if the last one was not complete.
    pub(super) fn begin_again(&mut self) {
        (self.state, self.depth, self.objects, self.here) = (ScannerState::Value, 0, 0, Node::ROOT);
        self.read = None;
    }

    /// Returns `true` if the document is not JSON, or too deep.
    pub(super) fn is_lost(&self) -> bool {
        self.state == ScannerState::Lost
    }

    /// Reads the next piece, and passes what it finds to `found`.
    pub(super) fn read(&mut self, paths: &Paths, mut piece: &[u8], found: &mut dyn FnMut(Read)) {
        while let Some((&byte, rest)) = piece.split_first() {
            match self.state {
                ScannerState::Lost => return,
                ScannerState::Text(text, Inside::Plain) => {
                    // Most of a body is in strings, so they are skipped at once.
                    let end = piece
                        .iter()
                        .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
                    let (plain, rest) = piece.split_at(end.unwrap_or(piece.len()));
                    if text == Text::Key {
                        self.key.push(plain);
                    }
                    piece = rest;
                    if let Some((&byte, rest)) = rest.split_first() {
                        self.state = match byte {
                            b'"' => self.end_text(text, paths),
                            b'\\' => ScannerState::Text(text, Inside::Escape),
                            _ => ScannerState::Lost,
                        };
                        piece = rest;
                    }
                }
                ScannerState::Text(text, inside) => {
                    self.state = self.escape(text, inside, byte);
                    piece = rest;
                }
                ScannerState::Number if self.number.take(byte) => piece = rest,
                // The character after a number does not belong to it, and is read again.
                ScannerState::Number => self.state = self.end_number(paths),
                ScannerState::Word(left) => {
                    self.state = match left.split_first() {
                        Some((next, [])) if *next == byte => ScannerState::AfterValue,
                        Some((next, left)) if *next == byte => ScannerState::Word(left),
                        _ => ScannerState::Lost,
                    };
                    piece = rest;
                }
                _ if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => piece = rest,
                state => {
                    self.state = self.next(state, byte, paths);
                    if let (Some(read), false) = (self.read.take(), self.is_lost()) {
                        found(read);
                    }
                    piece = rest;
                }
            }
            // Another document may follow the outermost value.
            if self.state == ScannerState::AfterValue && self.depth == 0 {
                self.begin_again();
            }
        }
    }

    /// Takes a character between strings, numbers and words.
    fn next(&mut self, state: ScannerState, byte: u8, paths: &Paths) -> ScannerState {
        match (state, byte) {
            (ScannerState::FirstValue, b']') | (ScannerState::FirstKey, b'}') => self.close(),
            (ScannerState::AfterValue, b']') if !self.in_object() => self.close(),
            (ScannerState::AfterValue, b'}') if self.in_object() => self.close(),
            (ScannerState::AfterValue, b',') if self.in_object() => ScannerState::Key,
            (ScannerState::AfterValue, b',') => {
                self.next_element(paths);
                ScannerState::Value
            }
            (ScannerState::Key | ScannerState::FirstKey, b'"') => {
                let wanted = self.level().is_some_and(|level| paths.leads_on(level.node));
                self.key.clear();
                ScannerState::Text(
                    if wanted { Text::Key } else { Text::OtherKey },
                    Inside::Plain,
                )
            }
            (ScannerState::Colon, b':') => ScannerState::Value,
            (ScannerState::Value | ScannerState::FirstValue, _) => self.begin_value(byte, paths),
            _ => ScannerState::Lost,
        }
    }

    fn begin_value(&mut self, byte: u8, paths: &Paths) -> ScannerState {
        if byte == b'[' && paths.wants_elements(self.here) {
            self.read = Some(Read::List);
        } else if matches!(byte, b'{' | b'[' | b'"' | b't' | b'f') && paths.wants(self.here) {
            self.read = Some(Read::Bad(BadAmount::Malformed));
        }
        match byte {
            b'{' => self.open(true, ScannerState::FirstKey),
            b'[' => {
                let state = self.open(false, ScannerState::FirstValue);
                self.next_element(paths);
                state
            }
            b'"' => ScannerState::Text(Text::Value, Inside::Plain),
            b't' => ScannerState::Word(b"rue"),
            b'f' => ScannerState::Word(b"alse"),
            b'n' => ScannerState::Word(b"ull"),
            b'-' | b'0'..=b'9' => {
                self.number = Number::default();
                self.number.take(byte);
                ScannerState::Number
            }
            _ => ScannerState::Lost,
        }
    }

    fn open(&mut self, object: bool, state: ScannerState) -> ScannerState {
        if self.depth == MOST_LEVELS {
            return ScannerState::Lost;
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        let node = self.here;
        if let Some(level) = self.level_mut() {
            *level = NestingLevel { node, elements: 0 };
        }
        state
    }

    fn close(&mut self) -> ScannerState {
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
        ScannerState::AfterValue
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    /// Returns the innermost level, if it is not too deep to be wanted.
    fn level(&self) -> Option<&NestingLevel> {
        self.levels
            .get(usize::try_from(self.depth.checked_sub(1)?).ok()?)
    }

    fn level_mut(&mut self) -> Option<&mut NestingLevel> {
        self.levels
            .get_mut(usize::try_from(self.depth.checked_sub(1)?).ok()?)
    }

    fn next_element(&mut self, paths: &Paths) {
        self.here = match self.level_mut() {
            None => Node::NOWHERE,
            Some(level) => {
                let index = level.elements;
                level.elements = level.elements.saturating_add(1);
                paths.element(level.node, index)
            }
        };
    }

    fn end_text(&mut self, text: Text, paths: &Paths) -> ScannerState {
        if text == Text::Value {
            return ScannerState::AfterValue;
        }
        let key = self.key.whole().filter(|_| text == Text::Key);
        let child = |key: &[u8]| self.level().map(|level| paths.child(level.node, key));
        self.here = key.and_then(child).unwrap_or(Node::NOWHERE);
        ScannerState::Colon
    }

    fn end_number(&mut self, paths: &Paths) -> ScannerState {
        if !self.number.is_whole() {
            return ScannerState::Lost;
        }
        if paths.wants(self.here) {
            self.read = Some(
                self.number
                    .amount()
                    .map_or_else(Read::Bad, |amount| Read::Number(self.here, amount)),
            );
        }
        ScannerState::AfterValue
    }

    fn escape(&mut self, text: Text, inside: Inside, byte: u8) -> ScannerState {
        let mut plain = |bytes: &[u8]| {
            if text == Text::Key {
                self.key.push(bytes);
            }
            ScannerState::Text(text, Inside::Plain)
        };
        match (inside, byte) {
            (Inside::Escape, b'"' | b'\\' | b'/') => plain(&[byte]),
            (Inside::Escape, b'b') => plain(b"\x08"),
            (Inside::Escape, b'f') => plain(b"\x0c"),
            (Inside::Escape, b'n') => plain(b"\n"),
            (Inside::Escape, b'r') => plain(b"\r"),
            (Inside::Escape, b't') => plain(b"\t"),
            (Inside::Escape, b'u') => ScannerState::Text(text, Inside::Unit(0, 0)),
            (Inside::Unit(digits, unit), _) => {
                let Some(digit) = char::from(byte)
                    .to_digit(16)
                    .and_then(|digit| u16::try_from(digit).ok())
                else {
                    return ScannerState::Lost;
                };
                let unit = unit << 4 | digit;
                if digits < 3 {
                    return ScannerState::Text(text, Inside::Unit(digits + 1, unit));
                }
                if text == Text::Key {
                    self.key.push_unit(unit);
                }
                ScannerState::Text(text, Inside::Plain)
            }
            _ => ScannerState::Lost,
        }
    }
}
