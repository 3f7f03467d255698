//! The code of the functions: an executable, zipped.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use clap::Args;
use tollgate_aws::{Architecture, manager::FunctionPackage};

use crate::{
    failure::Failure,
    package::{Arch, Executable, zipped},
};

/// The executable that becomes the functions.
#[derive(Debug, Args)]
#[command(next_help_heading = "Functions")]
pub(crate) struct CodeSource {
    /// Static executable for the functions: that of a release, or one that `.ci/musl` of the
    /// repository builds [default: this executable]
    #[arg(long, value_name = "PATH")]
    bootstrap: Option<PathBuf>,
    /// Leave the code of the functions as it is; a new stack has no functions yet
    #[arg(long, conflicts_with = "bootstrap")]
    without_code: bool,
}

/// The code for a stack.
#[derive(Debug)]
pub(crate) enum Code {
    /// The functions get this code.
    Package(Box<FunctionPackage>),
    /// No code is wanted.
    Unwanted,
    /// This executable cannot be a function: the reason.
    Unable(String),
}

impl CodeSource {
    /// Reads the executable.
    ///
    /// # Errors
    /// [`Failure::Refused`] if an executable is named that cannot be a function, or cannot be read.
    pub(crate) fn read(&self) -> Result<Code, Failure> {
        if self.without_code {
            return Ok(Code::Unwanted);
        }
        if let Some(path) = &self.bootstrap {
            let refused = |problem| Failure::Refused(format!("--bootstrap: {problem}"));
            let package = package(path).map_err(refused)?;
            return Ok(Code::Package(Box::new(package)));
        }
        let own = env::current_exe().map_err(|error| error.to_string());
        let package = own.and_then(|path| package(&path));
        Ok(match package {
            Ok(package) => Code::Package(Box::new(package)),
            Err(problem) => Code::Unable(problem),
        })
    }
}

fn package(path: &Path) -> Result<FunctionPackage, String> {
    let shown = path.display();
    let binary = fs::read(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let executable = Executable::read(&binary)
        .map_err(|problem| format!("{shown} cannot be a function: {problem}"))?;
    let zip = zipped(&binary).map_err(|error| format!("{shown} cannot be zipped: {error}"))?;
    let architecture = match executable.arch {
        Arch::X86 => Architecture::X86_64,
        Arch::Arm => Architecture::Arm64,
    };
    Ok(FunctionPackage::new(zip, architecture))
}
