//! The question before something is deleted.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::{failure::Failure, options::Options};

/// Checks that [`confirm`] can ask, for a command that first reads what it asks about.
///
/// # Errors
/// [`Failure::Usage`] without a terminal and without `--yes`.
pub(crate) fn check(options: &Options, question: &str) -> Result<(), Failure> {
    if options.yes || io::stdin().is_terminal() && io::stderr().is_terminal() {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{question} There is no terminal to ask on: add --yes. Nothing was changed"
    )))
}

/// Asks if something may be deleted, unless `--yes` is given.
///
/// # Errors
/// [`Failure::Usage`] without a terminal, [`Failure::Refused`] if the answer is not yes.
pub(crate) fn confirm(options: &Options, question: &str) -> Result<(), Failure> {
    check(options, question)?;
    if options.yes {
        return Ok(());
    }
    let (input, mut prompt) = (io::stdin(), io::stderr());
    write!(prompt, "{question} [y/N] ")?;
    prompt.flush()?;
    let mut answer = Vec::new();
    input.lock().read_until(b'\n', &mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Refused("cancelled: nothing was changed".into())),
    }
}
