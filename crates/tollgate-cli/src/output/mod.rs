//! The output of commands: for people, or for programs.
//!
//! A command prints a record, rows, or a sentence with the record that it is about. In the format
//! `table` these are text; in the others only the records are printed.

mod csv;
mod format;
mod json;
mod layout;
mod printable;
mod row;
mod rows;
mod screen;
mod table;

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use layout::wrapped;
use rows::Printer;
use screen::Screen;
use table::Table;

pub(crate) use format::Format;
pub(crate) use printable::{one_line, printable};
pub(crate) use row::{Row, or_dash};
pub(crate) use rows::Rows;

/// Writes to the standard output.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
    to: Screen,
    /// True if the output is a terminal.
    terminal: bool,
    /// True if lines are cut too, because they are shown again and again.
    live: bool,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        let out = io::stdout();
        let terminal = out.is_terminal();
        Self {
            format,
            to: Screen::new(out),
            terminal,
            live: false,
        }
    }

    /// Cuts lines for people so that they fit the terminal, from now on. Its width may change.
    pub(crate) fn go_live(&mut self) {
        self.live = true;
    }

    /// Returns the width that the terminal has now, if the output is one and its width is known.
    pub(crate) fn room(&self) -> Option<usize> {
        let (width, _) = self.size()?;
        // A terminal that does not know its width says 0.
        Some(width).filter(|width| *width > 0)
    }

    /// Returns the columns and lines that the terminal has now, if the output is one.
    fn size(&self) -> Option<(usize, usize)> {
        if !self.terminal {
            return None;
        }
        let (width, height) = terminal_size::terminal_size_of(self.to.stdout())?;
        Some((usize::from(width.0), usize::from(height.0)))
    }

    /// Returns true if people read the output.
    pub(crate) fn is_text(&self) -> bool {
        self.format == Format::Table
    }

    /// Returns the format.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Clears the terminal.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        write!(self.to, "\x1b[H\x1b[2J")
    }

    /// Clears the terminal. Lines that do not fit on it are left out until
    /// [`end_screen`](Self::end_screen). The last line stays empty, for the cursor.
    pub(crate) fn begin_screen(&mut self) -> io::Result<()> {
        self.clear()?;
        let height = self.size().map(|(_, height)| height);
        let lines = height.filter(|height| *height > 1).map(|height| height - 1);
        self.to.limit(lines);
        Ok(())
    }

    /// Writes every line again.
    pub(crate) fn end_screen(&mut self) {
        self.to.limit(None);
    }

    /// Prints a text whose format does not depend on `--output`.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.to, "{text}")
    }

    /// Returns true if the output is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Prints a line for people. Other formats leave it out.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        if self.is_text() {
            let text = printable(text.as_ref());
            let room = self.room().filter(|_| self.live);
            for line in wrapped(&text, room.unwrap_or(usize::MAX)) {
                writeln!(self.to, "{line}")?;
            }
        }
        Ok(())
    }

    /// Prints a value in the two JSON formats. Other formats leave it out.
    pub(crate) fn value(&mut self, value: &impl Serialize) -> io::Result<()> {
        match self.format {
            Format::Json => json::value(&mut self.to, value, true)?,
            Format::Jsonl => json::value(&mut self.to, value, false)?,
            Format::Table | Format::Csv => return Ok(()),
        }
        writeln!(self.to)
    }

    /// Prints a record: one field on each line, an object, or a header and a row.
    pub(crate) fn record<R: Row>(&mut self, record: &R) -> io::Result<()> {
        match self.format {
            Format::Table => {
                let width = R::COLUMNS.iter().map(|name| name.len()).max().unwrap_or(0);
                for (name, cell) in R::COLUMNS.iter().zip(record.cells()) {
                    self.line(format!(
                        "{:width$}  {cell}",
                        format!("{name}:"),
                        width = width + 1
                    ))?;
                }
                Ok(())
            }
            Format::Csv => {
                csv::header(&mut self.to, R::CSV_COLUMNS)?;
                for cells in record.csv_rows() {
                    csv::line(&mut self.to, &cells, self.terminal)?;
                }
                Ok(())
            }
            Format::Json | Format::Jsonl => self.value(record),
        }
    }

    /// Prints what was done: a sentence for people, the record for programs.
    pub(crate) fn done<R: Row>(&mut self, sentence: &str, record: &R) -> io::Result<()> {
        if self.is_text() {
            return self.line(sentence);
        }
        self.record(record)
    }

    /// Begins a listing. In text it is a table.
    pub(crate) fn rows<R: Row>(&mut self) -> Rows<'_, R> {
        let table = Table::new(R::COLUMNS, self.room());
        self.begin(Printer::Table(table))
    }

    /// Begins a listing. In text it is a line for each row: its first cell, after `indent`.
    pub(crate) fn lines<R: Row>(&mut self, indent: &'static str) -> Rows<'_, R> {
        self.begin(Printer::Lines(indent))
    }

    fn begin<R: Row>(&mut self, text: Printer) -> Rows<'_, R> {
        let printer = match self.format {
            Format::Table => text,
            Format::Json => Printer::Json,
            Format::Jsonl => Printer::Jsonl,
            Format::Csv => Printer::Csv {
                terminal: self.terminal,
            },
        };
        Rows::new(printer, &mut self.to)
    }

    /// Writes everything that is buffered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
