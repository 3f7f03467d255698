//! The record of the running server.

use std::{
    fs, process,
    thread::sleep,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tollgate::model::StackName;

use super::{
    folder::{Folder, cannot, remove},
    lock::Lock,
};
use crate::{failure::Failure, time};

/// The time in which a server that starts has written its record.
const BEGINNING: Duration = Duration::from_secs(10);

const PAUSE: Duration = Duration::from_millis(20);

/// A server that runs.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Instance {
    pub(crate) endpoint: String,
    pub(crate) pid: u32,
    pub(crate) stack: StackName,
    pub(crate) started_at: String,
    /// True if usage is counted.
    #[serde(default)]
    pub(crate) aggregates: bool,
}

impl Instance {
    /// Returns the record of this process.
    pub(super) fn of_this_process(port: u16, stack: StackName, aggregates: bool) -> Self {
        Self {
            endpoint: endpoint(port),
            pid: process::id(),
            stack,
            started_at: time::of_millis(time::now()),
            aggregates,
        }
    }

    /// Returns the server of the folder, if one runs. The record of a server that was killed does
    /// not count. Waits for the record of a server that starts.
    pub(crate) fn find(folder: &Folder) -> Result<Option<Self>, Failure> {
        let begun = Instant::now();
        let path = folder.instance();
        while Lock::is_held(folder)? {
            let record = fs::read(&path).ok();
            if let Some(instance) = record.and_then(|text| serde_json::from_slice(&text).ok()) {
                return Ok(Some(instance));
            }
            if begun.elapsed() > BEGINNING {
                return Err(Failure::Refused(format!(
                    "a server runs in {}, and {} does not say which: end the process that has server.lock open",
                    folder.path().display(),
                    path.display()
                )));
            }
            sleep(PAUSE);
        }
        Ok(None)
    }

    /// Writes the record, at once as a whole.
    pub(super) fn write(&self, folder: &Folder) -> Result<(), Failure> {
        let path = folder.instance();
        let new = path.with_extension("new");
        let text =
            serde_json::to_vec(self).map_err(|error| cannot("write", &new, &error.into()))?;
        let written = fs::write(&new, text).and_then(|()| fs::rename(&new, &path));
        written.map_err(|error| cannot("write", &path, &error))
    }

    /// Deletes the record.
    pub(super) fn forget(folder: &Folder) -> Result<(), Failure> {
        remove(&folder.instance())
    }
}

/// Returns the endpoint of a port.
pub(crate) fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
