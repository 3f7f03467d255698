//! Rows of tables.

use serde::Serialize;

/// A row of a table.
pub(crate) trait Row: Serialize {
    /// The names of the columns.
    const COLUMNS: &'static [&'static str];

    /// Returns the cells, one for each column.
    fn cells(&self) -> Vec<String>;
}
