//! Comma-separated values: RFC 4180, with line feeds.

use std::io::{self, Write};

/// Writes a line of cells. Cells with a comma, a quote or a line end are quoted.
pub(super) fn line<W: Write + ?Sized, C: AsRef<str>>(to: &mut W, cells: &[C]) -> io::Result<()> {
    let quoted = |cell: &C| {
        let cell = cell.as_ref();
        if cell.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.to_owned()
        }
    };
    let cells: Vec<String> = cells.iter().map(quoted).collect();
    writeln!(to, "{}", cells.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_if_they_must_be() {
        let mut text = Vec::new();
        line(&mut text, &["a", "b,c", "d \"e\"", "f\ng", ""]).unwrap();
        assert_eq!(text, b"a,\"b,c\",\"d \"\"e\"\"\",\"f\ng\",\n");
    }
}
