//! The steps that all repeated commands share.

use std::{io, time::Duration};

use crate::{context::Context, failure::Failure, reader};

/// Shows what was printed, and waits for the next time.
pub(crate) async fn pause(context: &mut Context, seconds: u64) -> Result<(), Failure> {
    context.out.flush()?;
    tokio::select! {
        () = reader::gone() => return Err(Failure::Output(io::ErrorKind::BrokenPipe.into())),
        () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
    }
    Ok(context.out.line("")?)
}

/// Returns the failure of a command that `--watch` does not repeat.
pub(crate) fn refusal() -> Failure {
    Failure::Usage(
        "--watch repeats commands that read, and this is none of them. Nothing was done".into(),
    )
}
