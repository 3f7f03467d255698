//! Listings, which are printed while they are read.

use std::{
    io::{self, Write},
    marker::PhantomData,
};

use super::{csv, json, printable::printable, row::Row, table::Table};

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
pub(super) enum Printer {
    Table(Table),
    /// The first cell of each row, after this indent.
    Lines(&'static str),
    Json,
    Jsonl,
    Csv {
        terminal: bool,
    },
}

impl<'a, R: Row> Rows<'a, R> {
    pub(super) fn new(printer: Printer, to: &'a mut dyn DebugWrite) -> Self {
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
            Printer::Lines(indent) => match row.cells().first() {
                Some(cell) => writeln!(self.to, "{indent}{}", printable(cell)),
                None => Ok(()),
            },
            Printer::Json => {
                write!(self.to, "{}\n  ", if first { "[" } else { "," })?;
                json::value(self.to, row, false)
            }
            Printer::Jsonl => {
                json::value(self.to, row, false)?;
                writeln!(self.to)
            }
            Printer::Csv { terminal } => {
                if first {
                    csv::header(self.to, R::CSV_COLUMNS)?;
                }
                for cells in row.csv_rows() {
                    csv::line(self.to, &cells, *terminal)?;
                }
                Ok(())
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
            Printer::Csv { .. } if empty => csv::header(self.to, R::CSV_COLUMNS)?,
            Printer::Lines(_) | Printer::Jsonl | Printer::Csv { .. } => {}
        }
        Ok(self.count)
    }
}
