//! Archives of the history: events that expired, as compressed JSON lines.

mod folder;
mod row;

pub use folder::{path_of, write};
pub use row::AuditRow;
