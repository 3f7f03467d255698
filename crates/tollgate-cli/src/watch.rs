//! Repeats a command that reads.

use crate::{commands::Online, context::Context, failure::Failure, repeat};

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
        return Err(repeat::refusal());
    }
    context.watches = true;
    context.out.go_live();
    let mut next = Some(command);
    while let Some(command) = next {
        command.run(context).await?;
        repeat::pause(context, seconds).await?;
        next = again();
    }
    Ok(())
}
