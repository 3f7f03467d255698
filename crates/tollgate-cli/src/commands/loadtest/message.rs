//! The messages of a process of a test to the one that started it: a line of JSON each.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use tollgate_loadtest::{Progress, Report};

/// A message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
    /// The process can begin.
    Ready,
    /// The process is at work.
    Progress(Box<Progress>),
    /// The process has finished.
    Done {
        report: Box<Report>,
        write_units: f64,
    },
}

impl Message {
    /// Writes the message as a line.
    pub(super) fn send(&self) -> io::Result<()> {
        let mut to = io::stdout().lock();
        serde_json::to_writer(&mut to, self)?;
        to.write_all(b"\n")?;
        to.flush()
    }
}
