//! `tollgate local` in a build without it.

use std::ffi::OsString;

use clap::Subcommand;

use super::refusal;
use crate::{context::Context, failure::Failure};

/// The commands of `tollgate local`, whatever they are called.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(external_subcommand)]
    #[expect(dead_code, reason = "what follows the name is not read")]
    Any(Vec<OsString>),
}

impl Command {
    pub(crate) fn repeats(&self) -> bool {
        false
    }

    pub(crate) fn run(self, _: &mut Context) -> Result<(), Failure> {
        Err(refusal("local"))
    }
}
