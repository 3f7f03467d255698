//! Stops the server.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use super::{
    folder::{Folder, cannot, remove},
    instance::Instance,
    lock::Lock,
};
use crate::failure::Failure;

/// The time that a server has to end.
const DEADLINE: Duration = Duration::from_secs(15);

const PAUSE: Duration = Duration::from_millis(20);

/// Stops the server of a folder, and returns it, if one runs. Returns when the server has ended.
pub(crate) fn stop(folder: &Folder) -> Result<Option<Instance>, Failure> {
    let Some(instance) = Instance::find(folder)? else {
        return Ok(None);
    };
    let (path, begun) = (folder.stop(), Instant::now());
    while Lock::is_held(folder)? {
        if begun.elapsed() > DEADLINE {
            return Err(Failure::Refused(format!(
                "the local table does not stop: end the process {} yourself",
                instance.pid
            )));
        }
        // Again and again: a server that has just started deletes the requests to its predecessor.
        fs::write(&path, "").map_err(|error| cannot("write", &path, &error))?;
        sleep(PAUSE);
    }
    remove(&path)?;
    Ok(Some(instance))
}

/// Deletes the data, the log and the lock of a folder whose server has ended.
pub(crate) fn delete(folder: &Folder) -> Result<(), Failure> {
    if !folder.path().exists() {
        return Ok(());
    }
    match Lock::take(folder)? {
        Some(lock) => {
            folder.clear()?;
            lock.delete()
        }
        None => Err(Failure::Refused(format!(
            "another server has started in {}: nothing was deleted",
            folder.path().display()
        ))),
    }
}
