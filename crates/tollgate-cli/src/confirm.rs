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
    let answer = ask(&format!("{question} [y/N] "))?.to_lowercase();
    if ["y", "yes"].contains(&answer.as_str()) {
        return Ok(());
    }
    Err(cancelled())
}

/// Asks for a name before what it names may be deleted for ever, unless `--yes` is given.
///
/// # Errors
/// [`Failure::Usage`] without a terminal, [`Failure::Refused`] if the answer is not the name.
pub(crate) fn by_name(options: &Options, question: &str, name: &str) -> Result<(), Failure> {
    check(options, question)?;
    if options.yes || ask(&format!("{question} Type {name} to go on: "))? == name {
        return Ok(());
    }
    Err(cancelled())
}

fn cancelled() -> Failure {
    Failure::Refused("cancelled: nothing was changed".into())
}

fn ask(question: &str) -> Result<String, Failure> {
    let (input, mut prompt) = (io::stdin(), io::stderr());
    write!(prompt, "{question}")?;
    prompt.flush()?;
    let mut answer = Vec::new();
    input.lock().read_until(b'\n', &mut answer)?;
    Ok(String::from_utf8_lossy(&answer).trim().to_owned())
}
