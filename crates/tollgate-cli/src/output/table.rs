//! Tables in ASCII, printed while their rows come.

use std::io::{self, Write};

use super::{
    layout::{fitted, width_of, wrapped},
    printable::printable,
};

/// The rows that decide how wide the columns are. Later rows may be wider: their cells are cut into
/// lines on a terminal, and stand out elsewhere.
const MEASURED: usize = 500;

/// A table that is printed row by row.
#[derive(Debug)]
pub(super) struct Table {
    columns: &'static [&'static str],
    /// The width of the terminal. `None` if the output is no terminal.
    room: Option<usize>,
    /// The rows that are not printed yet, because the widths are not known.
    waiting: Vec<Vec<String>>,
    shape: Option<Shape>,
}

/// The shape of a table whose header is printed.
#[derive(Debug)]
enum Shape {
    /// Columns of these widths.
    Columns(Vec<usize>),
    /// A line for each cell, because the terminal is too narrow for columns.
    Records,
}

impl Table {
    pub(super) fn new(columns: &'static [&'static str], room: Option<usize>) -> Self {
        Self {
            columns,
            room,
            waiting: Vec::new(),
            shape: None,
        }
    }

    pub(super) fn push<W: Write + ?Sized>(
        &mut self,
        cells: Vec<String>,
        to: &mut W,
    ) -> io::Result<()> {
        let cells: Vec<String> = cells.iter().map(|cell| printable(cell)).collect();
        if let Some(shape) = &self.shape {
            return self.row(shape, &cells, to);
        }
        self.waiting.push(cells);
        if self.waiting.len() == MEASURED {
            self.begin(to)?;
        }
        Ok(())
    }

    pub(super) fn finish<W: Write + ?Sized>(mut self, to: &mut W) -> io::Result<()> {
        if self.shape.is_none() {
            if self.waiting.is_empty() {
                return Ok(());
            }
            self.begin(to)?;
        }
        match &self.shape {
            Some(Shape::Columns(widths)) => rule(widths, to),
            Some(Shape::Records) | None => Ok(()),
        }
    }

    /// Prints the header and the rows until now.
    fn begin<W: Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        let width = |(index, name): (usize, &&str)| {
            let cells = self.waiting.iter().map(|cells| width_of(&cells[index]));
            cells.max().unwrap_or(0).max(width_of(name))
        };
        let widths: Vec<usize> = self.columns.iter().enumerate().map(width).collect();
        let shape = fitted(widths, self.room).map_or(Shape::Records, Shape::Columns);
        if let Shape::Columns(widths) = &shape {
            let header: Vec<String> = self.columns.iter().map(|&name| name.to_owned()).collect();
            rule(widths, to)?;
            self.row(&shape, &header, to)?;
            rule(widths, to)?;
        }
        for cells in std::mem::take(&mut self.waiting) {
            self.row(&shape, &cells, to)?;
        }
        self.shape = Some(shape);
        Ok(())
    }

    fn row<W: Write + ?Sized>(
        &self,
        shape: &Shape,
        cells: &[String],
        to: &mut W,
    ) -> io::Result<()> {
        match shape {
            Shape::Columns(widths) if self.room.is_some() => {
                let cells = cells.iter().zip(widths);
                let cells: Vec<_> = cells.map(|(cell, &width)| wrapped(cell, width)).collect();
                let height = cells.iter().map(Vec::len).max().unwrap_or(0);
                for index in 0..height {
                    let line = cells.iter().map(|lines| lines.get(index).copied());
                    let line: Vec<_> = line.map(Option::unwrap_or_default).collect();
                    write_line(&line, widths, to)?;
                }
                Ok(())
            }
            Shape::Columns(widths) => {
                let cells: Vec<_> = cells.iter().map(String::as_str).collect();
                write_line(&cells, widths, to)
            }
            Shape::Records => {
                for (name, cell) in self.columns.iter().zip(cells) {
                    let line = format!("{name}: {cell}");
                    for line in wrapped(&line, self.room.unwrap_or(usize::MAX)) {
                        writeln!(to, "{line}")?;
                    }
                }
                writeln!(to)
            }
        }
    }
}

fn rule<W: Write + ?Sized>(widths: &[usize], to: &mut W) -> io::Result<()> {
    let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    writeln!(to, "+{}+", dashes.join("+"))
}

fn write_line<W: Write + ?Sized>(cells: &[&str], widths: &[usize], to: &mut W) -> io::Result<()> {
    for (cell, &width) in cells.iter().zip(widths) {
        let blanks = " ".repeat(width.saturating_sub(width_of(cell)));
        write!(to, "| {cell}{blanks} ")?;
    }
    writeln!(to, "|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(rows: &[[&str; 2]], room: Option<usize>) -> String {
        let mut table = Table::new(&["Name", "Of"], room);
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
        assert_eq!(print(&[["a", "one"], ["Jürg", "b"]], None), text);
        assert_eq!(print(&[], None), "");
        let wide = print(&[["日本", "x"]], None);
        assert!(wide.contains("| 日本 | x  |"), "{wide}");
    }

    #[test]
    fn a_table_fits_its_terminal() {
        let long = "a long name that does not fit";
        let text = print(&[[long, "b"]], Some(24));
        assert!(text.lines().all(|line| width_of(line) <= 24), "{text}");
        assert!(
            text.contains("| a long name     | b  |\n| that does not   |    |\n"),
            "{text}"
        );
        let text = print(&[[long, long]], Some(20));
        assert_eq!(
            text,
            "Name: a long name\nthat does not fit\nOf: a long name that\ndoes not fit\n\n"
        );
    }

    #[test]
    fn rows_after_the_measured_ones_are_printed_at_once() {
        let rows = vec![["a", "b"]; MEASURED + 10];
        assert_eq!(print(&rows, None).lines().count(), MEASURED + 10 + 4);
    }
}
