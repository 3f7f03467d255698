//! Tables in ASCII, printed while their rows come.

use std::io::{self, Write};

/// The rows that decide how wide the columns are. Later rows may be wider, and stand out.
const MEASURED: usize = 500;

/// A table that is printed row by row.
#[derive(Debug)]
pub(super) struct Table {
    columns: &'static [&'static str],
    /// The rows that are not printed yet, because the widths are not known.
    waiting: Vec<Vec<String>>,
    /// The widths of the columns, once the header is printed.
    widths: Option<Vec<usize>>,
}

impl Table {
    pub(super) fn new(columns: &'static [&'static str]) -> Self {
        Self {
            columns,
            waiting: Vec::new(),
            widths: None,
        }
    }

    pub(super) fn push<W: Write + ?Sized>(
        &mut self,
        cells: Vec<String>,
        to: &mut W,
    ) -> io::Result<()> {
        let cells: Vec<String> = cells.iter().map(|cell| printable(cell)).collect();
        if let Some(widths) = &self.widths {
            return line(&cells, widths, to);
        }
        self.waiting.push(cells);
        if self.waiting.len() == MEASURED {
            self.begin(to)?;
        }
        Ok(())
    }

    pub(super) fn finish<W: Write + ?Sized>(mut self, to: &mut W) -> io::Result<()> {
        if self.widths.is_none() {
            if self.waiting.is_empty() {
                return Ok(());
            }
            self.begin(to)?;
        }
        match &self.widths {
            Some(widths) => rule(widths, to),
            None => Ok(()),
        }
    }

    /// Prints the header and the rows until now.
    fn begin<W: Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        let width = |(index, name): (usize, &&str)| {
            let cells = self
                .waiting
                .iter()
                .map(|cells| cells[index].chars().count());
            cells.max().unwrap_or(0).max(name.chars().count())
        };
        let widths: Vec<usize> = self.columns.iter().enumerate().map(width).collect();
        let header: Vec<String> = self.columns.iter().map(|&name| name.to_owned()).collect();
        rule(&widths, to)?;
        line(&header, &widths, to)?;
        rule(&widths, to)?;
        for cells in self.waiting.drain(..) {
            line(&cells, &widths, to)?;
        }
        self.widths = Some(widths);
        Ok(())
    }
}

fn rule<W: Write + ?Sized>(widths: &[usize], to: &mut W) -> io::Result<()> {
    let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    writeln!(to, "+{}+", dashes.join("+"))
}

fn line<W: Write + ?Sized>(cells: &[String], widths: &[usize], to: &mut W) -> io::Result<()> {
    for (cell, width) in cells.iter().zip(widths) {
        write!(to, "| {cell:width$} ")?;
    }
    writeln!(to, "|")
}

/// Returns the text without characters that control a terminal. Names and metadata come from
/// people who are not the reader.
pub(super) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(rows: &[[&str; 2]]) -> String {
        let mut table = Table::new(&["Name", "Of"]);
        let mut text = Vec::new();
        for row in rows {
            let cells = row.map(str::to_owned).to_vec();
            table.push(cells, &mut text).unwrap();
        }
        table.finish(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let text = "+------+-----+\n| Name | Of  |\n+------+-----+\n| a    | one |\n| Jürg | b   |\n+------+-----+\n";
        assert_eq!(print(&[["a", "one"], ["Jürg", "b"]]), text);
        assert_eq!(print(&[]), "");
    }

    #[test]
    fn a_name_cannot_control_the_terminal() {
        assert!(!print(&[["\u{1b}[2Jx", "\r\n"]]).contains(['\u{1b}', '\r']));
    }

    #[test]
    fn rows_after_the_measured_ones_are_printed_at_once() {
        let rows = vec![["a", "b"]; MEASURED + 10];
        assert_eq!(print(&rows).lines().count(), MEASURED + 10 + 4);
    }
}
