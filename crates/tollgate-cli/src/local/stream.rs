//! The stream of the engine, in its data file.
//!
//! The engine neither indexes nor trims its stream, so this is done on a second connection.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, Result, params};

/// The longest wait for a write of the engine.
const BUSY: Duration = Duration::from_secs(5);

/// Records that one transaction deletes. The engine waits for it.
const BATCH: usize = 500;

/// Without it, every write reads the whole stream to find its last sequence number.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS _tollgate_stream_order
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

const LENGTH: &str = "SELECT COUNT(*) FROM _stream_records WHERE table_name = ?1";

/// Records are stored in the order of their ids and times, so only the first ones are looked at.
const TRIM: &str = "DELETE FROM _stream_records WHERE created_at < ?1
    AND id IN (SELECT id FROM _stream_records ORDER BY id LIMIT ?2)";

/// A connection to the stream records of all tables.
#[derive(Debug)]
pub(crate) struct Stream {
    connection: Connection,
}

impl Stream {
    /// Opens the stream of an engine that runs, and creates its index.
    pub(super) fn open(data: &Path) -> Result<Self> {
        let connection = connect(data, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.execute_batch(INDEX)?;
        Ok(Self { connection })
    }

    /// Opens the stream of an engine that runs, to read it.
    pub(crate) fn open_to_read(data: &Path) -> Result<Self> {
        let connection = connect(data, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(Self { connection })
    }

    /// Returns the number of records of a table.
    pub(crate) fn length(&self, table: &str) -> Result<u64> {
        self.connection
            .query_row(LENGTH, params![table], |row| row.get(0))
    }

    /// Deletes the records that are older than `epoch` (s), and returns their number.
    pub(super) fn trim(&self, epoch: i64) -> Result<usize> {
        let mut trimmed = 0;
        loop {
            let deleted = self.connection.execute(TRIM, params![epoch, BATCH])?;
            trimmed += deleted;
            if deleted < BATCH {
                return Ok(trimmed);
            }
        }
    }
}

/// Opens a second connection to the data file.
pub(super) fn connect(data: &Path, access: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(data, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}
