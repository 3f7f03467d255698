//! Lines for people on the standard error.

use std::io::{self, Write};

use crate::output::{one_line, printable};

/// The most characters of a line. An endpoint that is no DynamoDB may answer with pages of text.
const LONGEST: usize = 2000;

/// Prints a text as one line, without what would control a terminal. If nobody can read it, nothing
/// is left to do.
pub(crate) fn line(text: &str) {
    let mut text = printable(&one_line(text));
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints the lines of a text as they are, without what would control a terminal.
pub(crate) fn lines(text: &str) {
    for line in text.lines() {
        let _ = writeln!(io::stderr(), "{}", printable(line));
    }
}
