//! Rows of tables.

use serde::Serialize;

/// A row of a table.
pub(crate) trait Row: Serialize {
    /// The names of the columns.
    const COLUMNS: &'static [&'static str];

    /// The names of the columns in CSV, which are printed in lower case with underscores.
    const CSV_COLUMNS: &'static [&'static str] = Self::COLUMNS;

    /// Returns the cells, one for each column.
    fn cells(&self) -> Vec<String>;

    /// Returns the rows of CSV, one cell for each of its columns: more than one if the row has a
    /// list, because a cell of CSV has one value.
    fn csv_rows(&self) -> Vec<Vec<String>> {
        vec![self.cells()]
    }
}

/// Returns the cell of a text: `-` if there is none.
pub(crate) fn or_dash(text: &Option<String>) -> String {
    text.clone().unwrap_or_else(|| "-".into())
}
