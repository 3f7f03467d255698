//! JSON that may stand on a terminal.

use std::io::{self, Write};

use serde::Serialize;

use super::printable::is_control;

/// Writes a value in one line, or in several.
///
/// JSON must escape only the first 32 control characters. The others would control a terminal too,
/// so they are escaped as well: a program reads the same text.
pub(super) fn value<W: Write + ?Sized>(
    to: &mut W,
    value: &impl Serialize,
    pretty: bool,
) -> io::Result<()> {
    let text = if pretty {
        serde_json::to_string_pretty(value)?
    } else {
        serde_json::to_string(value)?
    };
    to.write_all(escaped(&text).as_bytes())
}

fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        // Line feeds are between values. Those in texts are escaped already.
        if is_control(character) && character != '\n' {
            escaped += &format!("\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_control_characters_are_escaped_and_read_again() {
        let text = "a\u{1b}b\u{7f}c\u{9b}d\ne\u{202e}ü";
        for pretty in [false, true] {
            let mut written = Vec::new();
            value(&mut written, &[text], pretty).unwrap();
            let written = String::from_utf8(written).unwrap();
            let is_raw = |character| is_control(character) && character != '\n';
            assert!(!written.contains(is_raw), "{written:?}");
            let read: [String; 1] = serde_json::from_str(&written).unwrap();
            assert_eq!(read[0], text);
        }
    }
}
