//! Comma-separated values: RFC 4180, with line feeds.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use super::printable::printable;

/// Writes the header: names in lower case with underscores, whatever the columns of a table are
/// called.
pub(super) fn header<W: Write + ?Sized>(to: &mut W, columns: &[&str]) -> io::Result<()> {
    let name = |column: &&str| {
        let column = column.to_lowercase().replace("/s", "_per_second");
        column.replace(' ', "_")
    };
    let names: Vec<String> = columns.iter().map(name).collect();
    line(to, &names, false)
}

/// Writes a line of cells. Cells with a comma, a quote or a line end are quoted.
///
/// A cell that a spreadsheet would take for a formula begins with an apostrophe: names come from
/// people who are not the reader. On a terminal, control characters are escaped.
pub(super) fn line<W: Write + ?Sized, C: AsRef<str>>(
    to: &mut W,
    cells: &[C],
    terminal: bool,
) -> io::Result<()> {
    let written = |cell: &C| {
        let cell = without_formula(cell.as_ref());
        let cell = if terminal {
            Cow::Owned(printable(&cell))
        } else {
            cell
        };
        if cell.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.into_owned()
        }
    };
    let cells: Vec<String> = cells.iter().map(written).collect();
    writeln!(to, "{}", cells.join(","))
}

fn without_formula(cell: &str) -> Cow<'_, str> {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    // `-` alone stands for nothing, and a negative number is a number.
    if is_formula && cell != "-" && cell.parse::<f64>().is_err() {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cells: &[&str], terminal: bool) -> String {
        let mut text = Vec::new();
        line(&mut text, cells, terminal).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_header_is_in_lower_case_with_underscores() {
        let mut text = Vec::new();
        header(&mut text, &["Namespace ID", "Tokens/s", "is_repeat"]).unwrap();
        assert_eq!(text, b"namespace_id,tokens_per_second,is_repeat\n");
    }

    #[test]
    fn cells_are_quoted_if_they_must_be() {
        let text = written(&["a", "b,c", "d \"e\"", "f\ng", ""], false);
        assert_eq!(text, "a,\"b,c\",\"d \"\"e\"\"\",\"f\ng\",\n");
    }

    #[test]
    fn a_formula_is_text_and_a_number_stays_a_number() {
        let text = written(&["=1+1", "@x", "+a", "-b", "-1.5", "-", "a=b"], false);
        assert_eq!(text, "'=1+1,'@x,'+a,'-b,-1.5,-,a=b\n");
        assert_eq!(written(&["=a\"b,c"], false), "\"'=a\"\"b,c\"\n");
    }

    #[test]
    fn control_characters_are_escaped_on_a_terminal_only() {
        assert_eq!(written(&["a\u{1b}b"], true), "a\\u{1b}b\n");
        assert_eq!(written(&["a\u{1b}b"], false), "a\u{1b}b\n");
    }
}
