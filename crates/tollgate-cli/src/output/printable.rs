//! Text that may stand on a terminal. Names and metadata come from people who are not the reader.

/// Returns the text without characters that control a terminal or change the order of what is read.
/// Each of them is shown as its escape.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if is_control(character) {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

/// Joins the lines of a text to one line.
pub(crate) fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join(" ")
}

/// Returns true for the control characters of ASCII and of Unicode, for line separators, and for
/// the characters that change the direction of writing.
pub(super) fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_control_the_terminal() {
        let name = "\u{1b}[2Jx\r\n\u{9b}2J\u{7f}\u{202e}";
        let shown = printable(name);
        assert!(!shown.contains(is_control), "{shown:?}");
        assert!(shown.starts_with("\\u{1b}[2Jx\\r\\n\\u{9b}"), "{shown:?}");
        assert_eq!(printable("Jürg 日本"), "Jürg 日本");
    }
}
