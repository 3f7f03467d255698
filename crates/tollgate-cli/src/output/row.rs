//! Rows of tables.

use serde::Serialize;

/// A row of a table.
pub(crate) trait Row: Serialize {
    /// The names of the columns.
    const COLUMNS: &'static [&'static str];

    /// Returns the cells, one for each column.
    fn cells(&self) -> Vec<String>;
}

/// Returns the cell of a text: `-` if there is none.
pub(crate) fn or_dash(text: &Option<String>) -> String {
    text.clone().unwrap_or_else(|| "-".into())
}
