//! The formats of the output.

use clap::ValueEnum;

/// The format of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text and tables, for people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON document on each line
    Jsonl,
    /// Comma-separated values with a header
    Csv,
}
