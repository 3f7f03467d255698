//! The file of a command.

use std::{
    io::{self, BufRead},
    path::{Path, PathBuf},
};

use clap::Args;
use tollgate_ops::limits::{Manifest, ManifestError};

use crate::{context::Context, failure::Failure};

/// The path that stands for the standard input.
const STANDARD_INPUT: &str = "-";

/// The file.
#[derive(Debug, Args)]
pub(super) struct FileOptions {
    /// File of limits, in YAML, or - for the standard input. It names the namespace
    #[arg(long, short = 'f', value_name = "PATH")]
    file: PathBuf,
}

impl FileOptions {
    /// Reads the file, and checks everything in it.
    pub(super) fn read(&self, context: &Context) -> Result<Manifest, Failure> {
        let name = self.name();
        let read = if self.is_standard_input() {
            if context.options.watch.is_some() {
                let problem = "the standard input can be read once: give --watch a file";
                return Err(Failure::Usage(problem.to_owned()));
            }
            let mut input = io::stdin().lock();
            if input.fill_buf()?.is_empty() {
                let problem = "nothing came on the standard input: pipe a file of limits into the command, or give its path";
                return Err(Failure::Usage(problem.to_owned()));
            }
            Manifest::read_from(&name, input)
        } else {
            Manifest::read(&self.file)
        };
        let manifest = read.map_err(|error| match error {
            ManifestError::Faults(faults) => Failure::Manifest(faults),
            error => Failure::Usage(error.to_string()),
        })?;
        match context.options.given_namespace() {
            Some(given) if given != manifest.namespace() => Err(Failure::Usage(format!(
                "--namespace says {given}, and {name} is of the namespace {}: leave --namespace out",
                manifest.namespace()
            ))),
            _ => Ok(manifest),
        }
    }

    /// Returns the name of the file.
    pub(super) fn name(&self) -> String {
        if self.is_standard_input() {
            "standard input".to_owned()
        } else {
            self.file.display().to_string()
        }
    }

    fn is_standard_input(&self) -> bool {
        self.file == Path::new(STANDARD_INPUT)
    }
}
