//! `tollgate local down`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::{
    confirm::confirm,
    context::Context,
    failure::Failure,
    local::{self, Folder},
    output::Row,
};

/// Stops the local table; its data stay
///
/// The next `tollgate local up` has them again.
#[derive(Debug, Args)]
pub(crate) struct Down {
    /// Folder of the data [default: as for up]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Delete the data and the log too
    #[arg(long)]
    delete_data: bool,
}

/// A local table that has been stopped.
#[derive(Debug, Serialize)]
struct Stopped {
    was_running: bool,
    pid: Option<u32>,
    data: String,
    data_deleted: bool,
}

impl Row for Stopped {
    const COLUMNS: &'static [&'static str] = &["Was running", "Pid", "Data", "Data deleted"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.was_running.to_string(),
            self.pid
                .map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            self.data.clone(),
            self.data_deleted.to_string(),
        ]
    }
}

impl Down {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Failure> {
        let folder = Folder::locate(self.data.as_deref())?;
        let data = folder.path().display().to_string();
        if self.delete_data {
            let question = format!("Stop the local table, and delete its data in {data}?");
            confirm(&context.options, &question)?;
        }
        let stopped = local::stop(&folder)?;
        if self.delete_data {
            local::delete(&folder)?;
        }
        let ended = match &stopped {
            Some(instance) => format!("Stopped (pid {})", instance.pid),
            None => "Not running".into(),
        };
        let kept = match (self.delete_data, folder.data_bytes()) {
            (true, _) => format!("the data in {data} are deleted"),
            (false, Some(_)) => format!("the data stay in {data}"),
            (false, None) => format!("there are no data in {data}"),
        };
        let record = Stopped {
            was_running: stopped.is_some(),
            pid: stopped.map(|instance| instance.pid),
            data,
            data_deleted: self.delete_data,
        };
        Ok(context.out.done(&format!("{ended}: {kept}"), &record)?)
    }
}
