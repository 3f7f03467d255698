//! Reads the driver's commands from standard input.

use std::{
    io::{BufRead, stdin},
    process, thread,
};

use tokio::sync::oneshot;

use super::clock::SteppedClock;

/// The driver's commands: `run <end>`, an epoch time in µs, and `step <ahead>`, in ms.
pub(super) struct Control {
    end: oneshot::Receiver<i64>,
}

impl Control {
    /// Listens on a thread of its own. Exits the process if standard input is closed, because then
    /// the driver is gone.
    pub(super) fn listen(clock: SteppedClock) -> Self {
        let (told, end) = oneshot::channel();
        let mut told = Some(told);
        thread::spawn(move || {
            for line in stdin().lock().lines().map_while(Result::ok) {
                match line
                    .split_once(' ')
                    .map(|(word, number)| (word, number.parse::<i64>()))
                {
                    Some(("run", Ok(end))) => {
                        told.take().map(|told| told.send(end));
                    }
                    Some(("step", Ok(ahead))) => clock.step(ahead),
                    _ => panic!("the driver says {line:?}"),
                }
            }
            process::exit(1);
        });
        Self { end }
    }

    /// Waits for the time at which to end.
    pub(super) async fn until_told(self) -> Option<i64> {
        self.end.await.ok()
    }
}
