//! The stream of a table: its shards, its records, and how far they are read.

mod convert;
mod pages;
mod position;
mod reader;
mod shards;

pub use position::{Gap, Position, Positions};
pub use reader::{Page, StreamReader};
pub use shards::stream_of;
