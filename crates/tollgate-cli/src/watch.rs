//! Repeats a command that reads.

use std::time::Duration;

use crate::{commands::Online, context::Context, failure::Failure};

/// Returns the failure of a command that `--watch` does not repeat.
pub(crate) fn refused() -> Failure {
    Failure::Usage(
        "--watch repeats commands that read a stack, and this is none of them. Nothing was done"
            .into(),
    )
}

/// Runs a command; with `--watch` until it fails or is interrupted. Each time it opens the stack
/// anew, so nothing is cached. `again` returns the same command.
pub(crate) async fn run(
    command: Online,
    context: &mut Context,
    again: impl Fn() -> Option<Online>,
) -> Result<(), Failure> {
    let Some(seconds) = context.options.watch else {
        return command.run(context).await;
    };
    if !command.only_reads() {
        return Err(refused());
    }
    context.watches = true;
    let mut next = Some(command);
    while let Some(command) = next {
        command.run(context).await?;
        context.out.flush()?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        context.out.line("")?;
        next = again();
    }
    Ok(())
}
