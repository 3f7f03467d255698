//! The command that starts worker processes.

use std::{env, ffi::OsString, path::PathBuf, process::Command};

/// The command that starts a worker: this executable.
#[derive(Clone, Debug)]
pub struct Workers {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Workers {
    /// Runs one test of this test executable, which must call
    /// [`work_if_told`](super::work_if_told). `name` is its path as the test harness lists it, such
    /// as `"processes::worker"`.
    ///
    /// # Panics
    ///
    /// If the path of this executable is unknown.
    pub fn test(name: &str) -> Self {
        let arguments = ["--exact", name, "--nocapture", "--test-threads=1"];
        Self {
            arguments: arguments.map(OsString::from).into(),
            ..Self::program()
        }
    }

    /// Runs this program, whose `main` must call [`work_if_told`](super::work_if_told) first.
    ///
    /// # Panics
    ///
    /// If the path of this executable is unknown.
    pub fn program() -> Self {
        let program = env::current_exe()
            .unwrap_or_else(|error| panic!("this executable has no path: {error}"));
        Self {
            program,
            arguments: Vec::new(),
        }
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
    }
}
