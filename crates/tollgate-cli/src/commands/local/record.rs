//! A running local table as the commands print it.

use serde::Serialize;
use tollgate::model::StackName;

use crate::{
    local::{Folder, Instance},
    output::Row,
};

/// A local table that runs.
#[derive(Debug, Serialize)]
pub(super) struct Running {
    endpoint: String,
    pid: u32,
    table: StackName,
    data: String,
}

impl Running {
    pub(super) fn new(instance: &Instance, table: StackName, folder: &Folder) -> Self {
        Self {
            endpoint: instance.endpoint.clone(),
            pid: instance.pid,
            table,
            data: folder.data().display().to_string(),
        }
    }

    /// Returns the sentence for people, which begins with `word`.
    pub(super) fn sentence(&self, word: &str) -> String {
        let Self {
            endpoint,
            pid,
            table,
            data,
        } = self;
        format!("{word} at {endpoint} (pid {pid}): table {table}, data in {data}")
    }
}

impl Row for Running {
    const COLUMNS: &'static [&'static str] = &["Endpoint", "Pid", "Table", "Data file"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.endpoint.clone(),
            self.pid.to_string(),
            self.table.to_string(),
            self.data.clone(),
        ]
    }
}
