//! `tollgate lambda-export`

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;

use crate::{
    context::Context,
    failure::Failure,
    new_file::NewFile,
    output::Row,
    package::{Arch, Executable, zipped},
};

/// Writes the zip file of the functions: this executable, which is also the function
///
/// Only a static executable for Linux can be a function. If this one is none, `--binary` names one: that
/// of a release, or one that `.ci/musl` of the repository builds. Set the function's runtime to
/// provided.al2023, and its handler to aggregator or provisioner.
#[derive(Debug, Args)]
pub(crate) struct LambdaExport {
    /// Zip file to write
    #[arg(long, short = 'f', value_name = "PATH", default_value = "lambda.zip")]
    file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Show what would be written, and write nothing
    #[arg(long)]
    info: bool,
    /// Executable to take in place of this one
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Processor that the executable must be for
    #[arg(long, value_enum)]
    arch: Option<Arch>,
}

/// A package.
#[derive(Debug, Serialize)]
struct Package {
    file: String,
    binary: String,
    arch: Arch,
    binary_bytes: usize,
    zip_bytes: usize,
    runtime: &'static str,
    handlers: [&'static str; 2],
    version: &'static str,
}

impl Row for Package {
    const COLUMNS: &'static [&'static str] = &[
        "File", "Binary", "Arch", "Bytes", "Zipped", "Runtime", "Handlers", "Version",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.file.clone(),
            self.binary.clone(),
            self.arch.word().to_owned(),
            self.binary_bytes.to_string(),
            self.zip_bytes.to_string(),
            self.runtime.to_owned(),
            self.handlers.join(", "),
            self.version.to_owned(),
        ]
    }
}

impl LambdaExport {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Failure> {
        let path = match &self.binary {
            Some(path) => path.clone(),
            None => env::current_exe().map_err(|error| {
                Failure::Refused(format!("this executable is not found: {error}"))
            })?,
        };
        let binary = fs::read(&path).map_err(|error| cannot("read", &path, &error))?;
        let executable = Executable::read(&binary).map_err(|problem| {
            Failure::Refused(format!(
                "{} cannot be a function: {problem}; name a static executable by --binary",
                path.display()
            ))
        })?;
        if let Some(arch) = self.arch.filter(|arch| *arch != executable.arch) {
            return Err(Failure::Refused(format!(
                "{} is for {}, and not for {}: name another executable by --binary",
                path.display(),
                executable.arch.word(),
                arch.word()
            )));
        }
        let zip = zipped(&binary).map_err(|error| cannot("zip", &path, &error))?;
        let package = Package {
            file: self.file.display().to_string(),
            binary: path.display().to_string(),
            arch: executable.arch,
            binary_bytes: binary.len(),
            zip_bytes: zip.len(),
            runtime: "provided.al2023",
            handlers: ["aggregator", "provisioner"],
            version: env!("CARGO_PKG_VERSION"),
        };
        if self.info {
            return Ok(context.out.record(&package)?);
        }
        NewFile::claim(&self.file, self.force)?.write(&zip)?;
        let sentence = format!(
            "Wrote {}: {} for {}, {} bytes",
            package.file,
            package.binary,
            package.arch.word(),
            package.zip_bytes
        );
        Ok(context.out.done(&sentence, &package)?)
    }
}

fn cannot(verb: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::Refused(format!("cannot {verb} {}: {error}", path.display()))
}
