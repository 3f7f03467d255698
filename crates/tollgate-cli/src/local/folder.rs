//! The folder of the local table.

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// The variable that names the folder if `--data` does not.
const VARIABLE: &str = "TOLLGATE_LOCAL_DATA";

/// A folder with everything that belongs to one local table.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Returns the folder: `given`, else the variable's, else one in the user's folder for states.
    /// Creates nothing.
    pub(crate) fn locate(given: Option<&Path>) -> Result<Self, Failure> {
        let chosen = given.map(Path::to_owned).or_else(|| variable(VARIABLE));
        let Some(path) = chosen.or_else(of_user) else {
            return Err(Failure::Usage(format!(
                "HOME is not set: name the folder of the local table with --data or {VARIABLE}"
            )));
        };
        if path.as_os_str().is_empty() {
            return Err(Failure::Usage("--data names no folder".into()));
        }
        let path = std::path::absolute(&path).map_err(|error| cannot("find", &path, &error))?;
        Ok(Self { path })
    }

    /// Returns the path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the folder for this user alone, if it does not exist.
    pub(crate) fn create(&self) -> Result<(), Failure> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&self.path)
            .map_err(|error| cannot("create the folder", &self.path, &error))
    }

    /// Returns the data file of the engine.
    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("table.db")
    }

    /// Returns the size of the data, with writes that are not merged into the data file yet.
    /// Returns `None` without a data file.
    pub(crate) fn data_bytes(&self) -> Option<u64> {
        let size = |name: &str| {
            let file = fs::metadata(self.path.join(name));
            file.ok().map(|file| file.len())
        };
        Some(size("table.db")? + size("table.db-wal").unwrap_or(0))
    }

    /// Returns the file that the server locks.
    pub(crate) fn lock(&self) -> PathBuf {
        self.path.join("server.lock")
    }

    /// Returns the file with the record of the running server.
    pub(crate) fn instance(&self) -> PathBuf {
        self.path.join("server.json")
    }

    /// Returns the file whose existence asks the server to stop.
    pub(crate) fn stop(&self) -> PathBuf {
        self.path.join("stop")
    }

    /// Returns the log.
    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("server.log")
    }

    /// Returns the part of the log before the current one.
    pub(crate) fn old_log(&self) -> PathBuf {
        self.path.join("server.log.1")
    }

    /// Deletes the files of the local table, but for the lock, which is held. Other files stay.
    pub(super) fn clear(&self) -> Result<(), Failure> {
        for name in [
            "table.db",
            "table.db-wal",
            "table.db-shm",
            "server.json",
            "stop",
            "server.log",
            "server.log.1",
        ] {
            remove(&self.path.join(name))?;
        }
        Ok(())
    }
}

/// Deletes a file if it exists.
pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(cannot("delete", path, &error))
        }
        _ => Ok(()),
    }
}

/// Returns the failure of something that was done to a file.
pub(super) fn cannot(action: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::Refused(format!("cannot {action} {}: {error}", path.display()))
}

/// Returns the folder that the XDG base directories give the local table.
fn of_user() -> Option<PathBuf> {
    let states = variable("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let states = states.or_else(|| Some(variable("HOME")?.join(".local/state")))?;
    Some(states.join("tollgate").join("local"))
}

fn variable(name: &str) -> Option<PathBuf> {
    let value: OsString = env::var_os(name)?;
    (!value.is_empty()).then(|| value.into())
}
