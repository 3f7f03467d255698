//! `tollgate local logs`

use std::{path::PathBuf, time::Duration};

use clap::Args;
use serde::Serialize;

use crate::{
    context::Context,
    failure::Failure,
    local::{Folder, Instance, Tail},
    output::{Format, Row},
    reader, runtime,
};

/// The time between two looks for new lines.
const PAUSE: Duration = Duration::from_millis(200);

/// Shows the log of the local table
///
/// The log has the starts and ends of the process, what was deleted because it had expired, and
/// failures. If the table does not run, the exit code is 1.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Folder of the data [default: as for up]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Show new lines too, until the table stops or Ctrl-C
    #[arg(long, short = 'f')]
    follow: bool,
    /// Number of lines
    #[arg(long, default_value_t = 100, value_name = "LINES")]
    tail: usize,
}

/// A line of the log.
#[derive(Debug, Serialize)]
struct Line {
    time: String,
    text: String,
}

impl Line {
    fn new(line: &str) -> Self {
        let (time, text) = line.split_once(' ').unwrap_or(("", line));
        Self {
            time: time.to_owned(),
            text: text.to_owned(),
        }
    }
}

impl Row for Line {
    const COLUMNS: &'static [&'static str] = &["Time", "Text"];

    fn cells(&self) -> Vec<String> {
        vec![self.time.clone(), self.text.clone()]
    }
}

impl Logs {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Failure> {
        let folder = Folder::locate(self.data.as_deref())?;
        if Instance::find(&folder)?.is_none() {
            let log = folder.log();
            let last = if log.exists() {
                format!("its last log is {}", log.display())
            } else {
                format!("there is no log in {}", folder.path().display())
            };
            return Err(Failure::Refused(format!(
                "the local table does not run: {last}"
            )));
        }
        let (tail, lines) = Tail::open(&folder, self.tail)?;
        if self.follow {
            context.watches = true;
            return runtime::until_interrupted(follow(context, &folder, tail, lines));
        }
        print(context, &lines)
    }
}

/// Prints lines as they come, in the format of one line each.
async fn follow(
    context: &mut Context,
    folder: &Folder,
    mut tail: Tail,
    mut lines: Vec<String>,
) -> Result<(), Failure> {
    if !matches!(context.out.format(), Format::Table | Format::Jsonl) {
        return Err(Failure::Usage(
            "--follow has the formats table and jsonl alone".into(),
        ));
    }
    loop {
        print(context, &lines)?;
        context.out.flush()?;
        let runs = Instance::find(folder)?.is_some();
        tokio::select! {
            () = reader::gone() => return Ok(()),
            () = tokio::time::sleep(PAUSE) => {}
        }
        lines = tail.lines()?;
        if !runs && lines.is_empty() {
            return Ok(());
        }
    }
}

fn print(context: &mut Context, lines: &[String]) -> Result<(), Failure> {
    if context.out.is_text() {
        for line in lines {
            context.out.line(line)?;
        }
        return Ok(());
    }
    let mut rows = context.out.rows();
    for line in lines {
        rows.push(&Line::new(line))?;
    }
    rows.finish()?;
    Ok(())
}
