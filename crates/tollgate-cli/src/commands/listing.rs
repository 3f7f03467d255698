//! Listings: printed while they are read, and continued by a cursor.

use std::pin::pin;

use clap::Args;
use tollgate::{Error, error::Invalid, limiter::Listing};

use crate::{
    context::Context,
    failure::Failure,
    interrupt,
    output::{Row, Rows},
    progress::Progress,
    stderr,
};

/// The position at which a listing begins.
#[derive(Debug, Args)]
pub(super) struct From {
    /// Continue a listing that stopped: the cursor that it printed
    #[arg(long, value_name = "CURSOR")]
    pub(super) cursor: Option<String>,
}

/// The part of a listing that is printed.
#[derive(Debug, Args)]
pub(super) struct Part {
    /// Number of rows to list [default: all]
    #[arg(long, short = 'l')]
    pub(super) limit: Option<u64>,
    #[command(flatten)]
    pub(super) from: From,
}

impl From {
    /// Returns the part of at most `limit` rows from here on.
    pub(super) fn part(self, limit: u64) -> Part {
        Part {
            limit: Some(limit),
            from: self,
        }
    }
}

/// The form of a listing in text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Table,
    Names,
}

/// Prints the rows of a listing that `row` returns, and in text the line that `total` makes of
/// their number, if it makes one.
///
/// # Errors
/// If the listing stops midway, the rows until then are printed, and the error has the cursor with
/// which it continues.
pub(super) async fn print<T: Send + 'static, R: Row>(
    context: &mut Context,
    listing: Listing<T>,
    part: Part,
    form: Form,
    (row, total): (
        impl FnMut(T) -> Option<R>,
        impl FnOnce(u64) -> Option<String>,
    ),
) -> Result<(), Failure> {
    let most = part.limit.unwrap_or(u64::MAX);
    let mut listing = match &part.from.cursor {
        Some(cursor) => listing
            .start_at(cursor)
            .map_err(|error| failure_of(error.into()))?,
        None => listing,
    };
    let mut progress = Progress::if_shown("rows", !context.out.is_terminal());
    let mut rows = match form {
        Form::Table => context.out.rows(),
        Form::Names => context.out.lines(""),
    };
    let stopped = push(&mut rows, &mut listing, most, row, &mut progress).await;
    drop(progress);
    // Also if it stopped: a document of JSON is complete.
    let count = rows.finish()?;
    if let Err(failure) = stopped {
        return Err(match listing.cursor() {
            Some(cursor) if count > 0 => failure.after(format!(
                "{count} rows are printed: continue with --cursor {cursor}"
            )),
            _ => failure,
        });
    }
    if let Some(total) = total(count) {
        context.out.line(total)?;
    }
    match listing.cursor() {
        Some(cursor) => more(context, &cursor),
        None => Ok(()),
    }
}

/// Says with which cursor a listing continues.
pub(super) fn more(context: &mut Context, cursor: &str) -> Result<(), Failure> {
    if context.out.is_text() {
        context
            .out
            .line(format!("Continue with --cursor {cursor}"))?;
    } else {
        stderr::line(&format!("note: continue with --cursor {cursor}"));
    }
    Ok(())
}

/// Pushes rows until there are `most`, or no more.
async fn push<T: Send + 'static, R: Row>(
    rows: &mut Rows<'_, R>,
    listing: &mut Listing<T>,
    most: u64,
    mut row: impl FnMut(T) -> Option<R>,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let mut interrupted = pin!(interrupt::wait());
    while rows.count() < most {
        let next = tokio::select! {
            biased;
            () = &mut interrupted => {
                return Err(Failure::Interrupted("nothing is printed".to_owned()));
            }
            next = listing.next() => next,
            () = progress.tick() => {
                progress.show(rows.count());
                continue;
            }
        };
        let Some(next) = next else { break };
        if let Some(row) = row(next.map_err(failure_of)?) {
            rows.push(&row)?;
        }
    }
    Ok(())
}

/// Returns the failure of a listing.
fn failure_of(error: Error) -> Failure {
    match error {
        Error::Invalid(Invalid::Cursor) => wrong_cursor(),
        error => error.into(),
    }
}

/// Returns the failure for a cursor of another listing.
pub(super) fn wrong_cursor() -> Failure {
    Failure::Usage(
        "--cursor is not a cursor of this listing: repeat the other arguments of the listing that printed it".to_owned(),
    )
}
