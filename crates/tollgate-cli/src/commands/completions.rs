//! `tollgate completions`

use std::io::{self, Write};

use clap::{Args, Command};
use clap_complete::Shell;

use crate::failure::Failure;

/// Prints the completions of a shell
///
/// For example, for bash: `source <(tollgate completions bash)`
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, mut program: Command) -> Result<(), Failure> {
        // Into memory first: the generator panics if a pipe is closed.
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut program, "tollgate", &mut text);
        Ok(io::stdout().write_all(&text)?)
    }
}
