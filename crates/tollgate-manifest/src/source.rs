//! The text of a manifest, and places in it.

use crate::fault::ManifestFault;

/// The number of characters of a line that a snippet shows.
const WIDTH: usize = 96;

/// The mark that some editors put at the beginning of a text in UTF-8.
const MARK: char = '\u{feff}';

/// A range of bytes of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The text of a manifest.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
    /// The byte at which each line begins.
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        // The mark of UTF-8 is no character of the first line.
        let first = if text.starts_with(MARK) {
            MARK.len_utf8()
        } else {
            0
        };
        let bytes = text.as_bytes();
        let ends = |at: &usize| match bytes.get(*at) {
            Some(b'\n') => true,
            Some(b'\r') => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        let starts = (0..bytes.len()).filter(ends).map(|at| at + 1);
        let lines = std::iter::once(first).chain(starts).collect();
        Self { file, text, lines }
    }

    /// Returns the number of the line of a byte, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).max(1)
    }

    /// Returns a fault at a place.
    pub(crate) fn fault(&self, place: Place, message: String) -> ManifestFault {
        let at = self.boundary(place.start);
        let line = self.line(at);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..at).unwrap_or_default().chars().count();
        let rest = self.text.get(start..).unwrap_or_default();
        let shown = rest.split(['\n', '\r']).next().unwrap_or_default();
        let marked = self.text.get(at..self.boundary(place.end).max(at));
        let marked = marked.and_then(|marked| marked.split(['\n', '\r']).next());
        let marked = marked.map_or(0, |marked| marked.trim_end().chars().count());
        ManifestFault {
            line,
            column: before + 1,
            message,
            snippet: snippet(line, shown, before, marked),
        }
    }

    /// Returns the first byte of the character at `at`.
    fn boundary(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// Returns a line of the file, and a mark below its characters from `before` on.
fn snippet(line: usize, text: &str, before: usize, marked: usize) -> String {
    // A long line is shown from a place shortly before the mark.
    let skipped = if before < WIDTH - 16 { 0 } else { before - 16 };
    let shown = text.chars().skip(skipped).take(WIDTH);
    let printable = |letter: char| {
        if letter.is_control() { ' ' } else { letter }
    };
    let shown: String = shown.map(printable).collect();
    let (number, indent) = (line.to_string(), before - skipped);
    let marks = "^".repeat(marked.clamp(1, (WIDTH - indent).max(1)));
    let gutter = " ".repeat(number.len());
    format!(
        "  {number} | {}\n  {gutter} | {}{marks}",
        shown.trim_end(),
        " ".repeat(indent)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_marked_below_its_line() {
        let source = Source::new("f", "a: 1\nü: {b: 23}\n");
        let at = source.text.find("23").unwrap();
        let place = Place {
            start: at,
            end: at + 2,
        };
        let fault = source.fault(place, "wrong".into());
        assert_eq!((fault.line, fault.column), (2, 8));
        assert_eq!(fault.snippet, "  2 | ü: {b: 23}\n    |        ^^");
    }

    #[test]
    fn a_place_behind_the_end_or_in_a_long_line_has_a_snippet() {
        let long = "x".repeat(500);
        let source = Source::new("f", &long);
        let place = Place {
            start: 400,
            end: 450,
        };
        let fault = source.fault(place, String::new());
        assert_eq!(fault.column, 401);
        let lines: Vec<_> = fault.snippet.lines().collect();
        assert_eq!(lines[0].chars().count(), 6 + WIDTH);
        assert!(lines[1].ends_with(&"^".repeat(50)), "{}", lines[1]);
        let end = Place {
            start: 9000,
            end: 9001,
        };
        assert_eq!(source.fault(end, String::new()).column, 501);
    }
}
