//! The output of commands: for people, or for programs.
//!
//! A command prints a record, rows, or a sentence with the record that it is about. In the format
//! `table` these are text; in the others only the records are printed.

mod csv;
mod format;
mod row;
mod rows;
mod table;

use std::io::{self, BufWriter, Stdout, Write};

use serde::Serialize;

pub(crate) use format::Format;
pub(crate) use row::Row;
pub(crate) use rows::Rows;

/// Writes to the standard output.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
    to: BufWriter<Stdout>,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        let to = BufWriter::new(io::stdout());
        Self { format, to }
    }

    /// Returns true if people read the output.
    pub(crate) fn is_text(&self) -> bool {
        self.format == Format::Table
    }

    /// Returns true if each record becomes one row or more.
    pub(crate) fn is_csv(&self) -> bool {
        self.format == Format::Csv
    }

    /// Returns true if each record is printed at once, on a line of its own.
    pub(crate) fn is_lines(&self) -> bool {
        self.format == Format::Jsonl
    }

    /// Prints a line for people. Other formats leave it out.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        if self.is_text() {
            writeln!(self.to, "{}", table::printable(text.as_ref()))?;
        }
        Ok(())
    }

    /// Prints a value in the two JSON formats. Other formats leave it out.
    pub(crate) fn value(&mut self, value: &impl Serialize) -> io::Result<()> {
        match self.format {
            Format::Json => serde_json::to_writer_pretty(&mut self.to, value)?,
            Format::Jsonl => serde_json::to_writer(&mut self.to, value)?,
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
                csv::line(&mut self.to, R::COLUMNS)?;
                csv::line(&mut self.to, &record.cells())
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

    /// Begins a listing.
    pub(crate) fn rows<R: Row>(&mut self) -> Rows<'_, R> {
        Rows::new(self.format, &mut self.to)
    }

    /// Writes everything that is buffered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
