//! `tollgate local serve`

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;

use crate::{
    context::Context,
    failure::Failure,
    local::{self, Folder, Server},
};

/// Serves for `tollgate local up`
///
/// The first line of the output is the record of the server, when it answers.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Port, 0 for any
    #[arg(long)]
    port: u16,
    /// Folder of the data
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// Do not count usage
    #[arg(long)]
    no_aggregator: bool,
}

impl Serve {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Failure> {
        let server = Server {
            folder: Folder::locate(Some(&self.data))?,
            port: self.port,
            stack: context.options.stack()?,
            aggregates: !self.no_aggregator,
        };
        local::serve(&server, |instance| {
            let record = serde_json::to_string(instance)?;
            // `local up` may have been killed. The server stays, because another one may have found
            // it meanwhile.
            let _ = writeln!(io::stdout(), "{record}");
            Ok(())
        })
    }
}
