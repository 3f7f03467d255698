//! The file of a command.

use std::path::PathBuf;

use clap::Args;
use tollgate_ops::limits::{Manifest, ManifestError};

use crate::{context::Context, failure::Failure};

/// The file, and the amount of output.
#[derive(Debug, Args)]
pub(super) struct FileOptions {
    /// File of limits, in YAML. It names the namespace
    #[arg(long, short = 'f', value_name = "PATH")]
    file: PathBuf,
    /// Print the last line only
    #[arg(long, short = 'q')]
    pub(super) quiet: bool,
}

impl FileOptions {
    /// Reads the file, and checks everything in it.
    pub(super) fn read(&self, context: &Context) -> Result<Manifest, Failure> {
        let manifest = Manifest::read(&self.file).map_err(|error| match error {
            ManifestError::Faults(faults) => Failure::Manifest(faults),
            error => Failure::Usage(error.to_string()),
        })?;
        match context.options.given_namespace() {
            Some(given) if given != manifest.namespace() => Err(Failure::Usage(format!(
                "--namespace says {given}, and {} is of the namespace {}: leave --namespace out",
                self.file.display(),
                manifest.namespace()
            ))),
            _ => Ok(manifest),
        }
    }

    /// Returns the name of the file.
    pub(super) fn name(&self) -> String {
        self.file.display().to_string()
    }
}
