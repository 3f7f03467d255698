//! Errors of the command, and their exit codes.

use std::{env, io, process::ExitCode};

use tollgate::{
    Error,
    error::{Invalid, StackError, Unavailable},
    model::InvalidName,
    store::StoreErrorKind,
};
use tollgate_ops::limits::ManifestFaults;

use crate::stderr;

/// The reason why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library's error.
    Library(Error),
    /// The stack does not exist.
    NoStack(String),
    /// AWS could not be reached or asked.
    Aws(String),
    /// An argument is wrong.
    Usage(String),
    /// The stored data, or the user, refused.
    Refused(String),
    /// The output could not be written.
    Output(io::Error),
    /// The user interrupted the command. The text says what was done.
    Interrupted(String),
    /// A manifest has faults, each with its place.
    Manifest(ManifestFaults),
    /// The table differs from a manifest. Everything is printed.
    Drift,
    /// Another failure, and what was done before it.
    After(Box<Self>, String),
}

impl Failure {
    /// Prints the failure as one line, and returns its exit code.
    pub(crate) fn exit(self) -> ExitCode {
        // The reader of the output has seen enough: `tollgate audit list … | head -1`.
        if matches!(&self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            return ExitCode::SUCCESS;
        }
        match &self {
            Self::Drift => return ExitCode::from(self.code()),
            Self::Manifest(faults) => stderr::lines(&faults.to_string()),
            _ => {}
        }
        let text = self.to_string();
        let profile = env::var("AWS_PROFILE").ok();
        let text = without_credentials(&text, profile.as_deref()).unwrap_or(text);
        stderr::line(&format!("error: {text}"));
        ExitCode::from(self.code())
    }

    /// Returns the same failure with a hint, if AWS failed and there is one.
    pub(crate) fn with_hint(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) if self.code() == 3 => Self::Aws(format!("{self}; {hint}")),
            _ => self,
        }
    }

    /// Returns the same failure with a text that says what was done before it.
    pub(crate) fn after(self, done: String) -> Self {
        match self {
            Self::Interrupted(_) => Self::Interrupted(done),
            // Nobody knows what the reader has got.
            Self::Output(error) => Self::Output(error),
            failure => Self::After(Box::new(failure), done),
        }
    }

    /// Returns the exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Library(error) => code_of(error),
            Self::Refused(_) | Self::Output(_) => 1,
            Self::Usage(_) | Self::Manifest(_) => 2,
            Self::Aws(_) => 3,
            Self::NoStack(_) => 4,
            Self::Drift => 5,
            Self::Interrupted(_) => 130,
            Self::After(failure, _) => failure.code(),
        }
    }
}

/// The SDK's words if none of its sources has credentials. It tells each source on a line that nobody
/// reads.
const NO_CREDENTIALS: &str = "no credentials found in chain";

/// Returns the text in place of the SDK's if there are no credentials.
fn without_credentials(text: &str, profile: Option<&str>) -> Option<String> {
    if !text.contains(NO_CREDENTIALS) {
        return None;
    }
    let profile = profile.map_or_else(String::new, |profile| {
        format!(": the profile {profile:?}, which AWS_PROFILE names, has none")
    });
    Some(format!(
        "no AWS credentials are known{profile}; set AWS_PROFILE or --profile, or AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, or sign in with the AWS command; an emulator takes any values"
    ))
}

fn code_of(error: &Error) -> u8 {
    match error {
        Error::Stack(StackError::NotFound { .. }) => 4,
        Error::Stack(
            StackError::Call { .. }
            | StackError::Deadline { .. }
            | StackError::NoRegion
            | StackError::NotReady { .. },
        ) => 3,
        Error::Unavailable(Unavailable::Store(error))
            if error.kind() == StoreErrorKind::Missing =>
        {
            4
        }
        Error::Unavailable(_) => 3,
        Error::FanOut(incomplete) => code_of(&incomplete.error),
        // The arguments are wrong, whatever is stored.
        Error::Invalid(Invalid::Limits(_) | Invalid::IdempotencyKey(_) | Invalid::TopUp) => 2,
        _ => 1,
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Library(error) => error.fmt(f),
            Self::NoStack(text) | Self::Aws(text) | Self::Usage(text) | Self::Refused(text) => {
                f.write_str(text)
            }
            Self::Output(error) => write!(f, "the output cannot be written: {error}"),
            Self::Interrupted(text) => write!(f, "interrupted: {text}"),
            Self::Manifest(faults) => {
                let (file, count) = (faults.file(), faults.faults().len());
                let noun = if count == 1 { "fault" } else { "faults" };
                write!(
                    f,
                    "{file} has {count} {noun}: nothing was compared or changed"
                )
            }
            Self::Drift => f.write_str("the table differs from the manifest"),
            Self::After(failure, done) => write!(f, "{failure}; {done}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl From<InvalidName> for Failure {
    fn from(error: InvalidName) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
