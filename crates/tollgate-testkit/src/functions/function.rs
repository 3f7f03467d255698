//! A function: a program and its environment.

use std::{
    ffi::{OsStr, OsString},
    process::{Command, Stdio},
    time::Duration,
};

/// A function that runs as a process.
///
/// The process gets the variables that Lambda sets, credentials that the embedded engine accepts, and
/// nothing else of the environment.
#[derive(Clone, Debug)]
pub struct Function {
    program: OsString,
    variables: Vec<(OsString, OsString)>,
    pub(super) timeout: Duration,
}

impl Function {
    /// Creates a function of an executable file. It has 60 seconds for an event, and 128 MB.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let function = Self {
            program: program.as_ref().to_owned(),
            variables: Vec::new(),
            timeout: Duration::from_secs(60),
        };
        [
            ("_HANDLER", "bootstrap"),
            ("AWS_LAMBDA_FUNCTION_NAME", "function"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]
        .into_iter()
        .fold(function, |function, (name, value)| {
            function.variable(name, value)
        })
    }

    /// Sets the handler.
    pub fn handler(self, handler: impl AsRef<OsStr>) -> Self {
        self.variable("_HANDLER", handler)
    }

    /// Sets a variable. The last value counts.
    pub fn variable(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let pair = (name.as_ref().to_owned(), value.as_ref().to_owned());
        self.variables.push(pair);
        self
    }

    /// Sets the time for an event, after which the process is killed. Default: 60 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Returns the command that starts the process.
    pub(super) fn command(&self, api: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", api)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        command
    }
}
