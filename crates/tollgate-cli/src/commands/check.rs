//! `tollgate check`

use clap::Args;

use crate::{commands::versions::Versions, context::Context, failure::Failure};

/// Checks if this program can work with the stack
///
/// The exit code is 1 if it cannot.
#[derive(Debug, Args)]
pub(crate) struct Check {}

impl Check {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open_stack().await?;
        Versions::new(&limiter.status().await).print(context)
    }
}
