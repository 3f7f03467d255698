//! `tollgate loadtest` in a build without it.

use std::ffi::OsString;

use clap::Subcommand;

use super::refusal;
use crate::{context::Context, failure::Failure};

/// The commands of `tollgate loadtest`, whatever they are called.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(external_subcommand)]
    #[expect(dead_code, reason = "what follows the name is not read")]
    Any(Vec<OsString>),
}

impl Command {
    pub(crate) fn threads(&self) -> usize {
        1
    }

    pub(crate) async fn run(self, _: &mut Context) -> Result<(), Failure> {
        Err(refusal("loadtest"))
    }
}
