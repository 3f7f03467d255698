//! `tollgate man`

use std::{fs, path::PathBuf};

use clap::{Args, Command};

use crate::{context::Context, failure::Failure};

/// Writes the man pages of all commands into a folder
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Folder, which is created if it does not exist
    folder: PathBuf,
}

impl Man {
    pub(super) fn run(self, context: &mut Context, program: Command) -> Result<(), Failure> {
        let failed = |error| {
            Failure::Refused(format!(
                "{} cannot be written: {error}",
                self.folder.display()
            ))
        };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        clap_mangen::generate_to(program, &self.folder).map_err(failed)?;
        let sentence = format!("Wrote the man pages to {}", self.folder.display());
        Ok(context.out.line(sentence)?)
    }
}
