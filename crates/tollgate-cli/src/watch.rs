//! Repeats a command that reads.

use std::time::Duration;

use crate::{commands::Online, context::Context, failure::Failure};

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
        return Err(refusal());
    }
    context.watches = true;
    let mut next = Some(command);
    while let Some(command) = next {
        command.run(context).await?;
        pause(context, seconds).await?;
        next = again();
    }
    Ok(())
}

/// Shows what was printed, and waits for the next time.
pub(crate) async fn pause(context: &mut Context, seconds: u64) -> Result<(), Failure> {
    context.out.flush()?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    Ok(context.out.line("")?)
}

/// Returns the failure of a command that `--watch` does not repeat.
pub(crate) fn refusal() -> Failure {
    Failure::Usage(
        "--watch repeats commands that read, and this is none of them. Nothing was done".into(),
    )
}
