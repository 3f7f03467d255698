//! `tollgate version`

use clap::Args;

use crate::{commands::versions::Versions, context::Context, failure::Failure};

/// Shows the versions of this program and of the stack
///
/// The exit code is 1 if this program cannot work with the stack.
#[derive(Debug, Args)]
pub(crate) struct Version {}

impl Version {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open_stack().await?;
        Versions::new(&limiter.status().await).print(context)
    }
}
