//! Listings, which are printed while they are read.

use std::{
    io::{self, Write},
    marker::PhantomData,
};

use super::{csv, format::Format, row::Row, table::Table};

/// Prints rows one by one. Memory stays bounded, however many rows there are.
#[derive(Debug)]
pub(crate) struct Rows<'a, R> {
    printer: Printer,
    to: &'a mut dyn DebugWrite,
    count: u64,
    kind: PhantomData<fn(&R)>,
}

/// A writer that can be printed while debugging.
pub(crate) trait DebugWrite: Write + std::fmt::Debug {}

impl<W: Write + std::fmt::Debug> DebugWrite for W {}

/// The state of a listing in one of the formats.
#[derive(Debug)]
enum Printer {
    Table(Table),
    Json,
    Jsonl,
    Csv,
}

impl<'a, R: Row> Rows<'a, R> {
    pub(super) fn new(format: Format, to: &'a mut dyn DebugWrite) -> Self {
        let printer = match format {
            Format::Table => Printer::Table(Table::new(R::COLUMNS)),
            Format::Json => Printer::Json,
            Format::Jsonl => Printer::Jsonl,
            Format::Csv => Printer::Csv,
        };
        Self {
            printer,
            to,
            count: 0,
            kind: PhantomData,
        }
    }

    /// Returns the number of rows until now.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Prints a row.
    pub(crate) fn push(&mut self, row: &R) -> io::Result<()> {
        let first = self.count == 0;
        self.count += 1;
        match &mut self.printer {
            Printer::Table(table) => table.push(row.cells(), self.to),
            Printer::Json => {
                write!(self.to, "{}\n  ", if first { "[" } else { "," })?;
                Ok(serde_json::to_writer(&mut self.to, row)?)
            }
            Printer::Jsonl => {
                serde_json::to_writer(&mut self.to, row)?;
                writeln!(self.to)
            }
            Printer::Csv => {
                if first {
                    csv::line(self.to, R::COLUMNS)?;
                }
                csv::line(self.to, &row.cells())
            }
        }
    }

    /// Prints the end of the listing, and returns the number of rows. A table without rows prints
    /// nothing.
    pub(crate) fn finish(self) -> io::Result<u64> {
        let empty = self.count == 0;
        match self.printer {
            Printer::Table(table) => table.finish(self.to)?,
            Printer::Json if empty => writeln!(self.to, "[]")?,
            Printer::Json => writeln!(self.to, "\n]")?,
            Printer::Csv if empty => csv::line(self.to, R::COLUMNS)?,
            Printer::Jsonl | Printer::Csv => {}
        }
        Ok(self.count)
    }
}
