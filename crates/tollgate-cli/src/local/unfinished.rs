//! Tables whose creation was interrupted.

use std::path::Path;

use dynoxide::{Database, actions::delete_table::DeleteTableRequest};
use rusqlite::{OpenFlags, Result, params};

use super::{engine::reason, stream::connect};

const EXISTS: &str =
    "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1)";

/// Deletes a table without any item, so that it is created anew as a whole.
///
/// The engine creates a table, its indexes and its time to live in several steps. A table that was
/// finished has at least its version record.
pub(super) fn remove(database: &Database, data: &Path, table: &str) -> Result<bool, String> {
    let found = database.get_table_metadata(table);
    if found.map_err(|error| reason(&error))?.is_none() {
        return Ok(false);
    }
    if has_items(data, table).map_err(|error| error.to_string())? {
        return Ok(false);
    }
    let request = DeleteTableRequest {
        table_name: table.to_owned(),
    };
    let deleted = database.delete_table(request);
    deleted.map_err(|error| reason(&error))?;
    Ok(true)
}

fn has_items(data: &Path, table: &str) -> Result<bool> {
    let connection = connect(data, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let exists: bool = connection.query_row(EXISTS, params![table], |row| row.get(0))?;
    if !exists {
        return Ok(false);
    }
    // The name of a stack has letters, digits and hyphens alone.
    let any = format!("SELECT EXISTS (SELECT 1 FROM \"{table}\")");
    connection.query_row(&any, [], |row| row.get(0))
}
