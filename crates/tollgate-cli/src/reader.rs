//! The reader of the standard output.

use std::time::Duration;

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until nobody can read the standard output any more: `tollgate local logs -f | head -1`. Never
/// returns if the system does not tell that, for example of a file.
pub(crate) async fn gone() {
    while !is_gone() {
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(unix)]
fn is_gone() -> bool {
    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        stdio::stdout,
    };
    // Errors and hang-ups are always told.
    let mut output = [PollFd::from_borrowed_fd(stdout(), PollFlags::empty())];
    let at_once = Timespec::default();
    poll(&mut output, Some(&at_once)).is_ok_and(|count| count > 0)
}

#[cfg(not(unix))]
fn is_gone() -> bool {
    false
}
