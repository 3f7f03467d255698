//! `tollgate limits export`

use std::{
    fs::File,
    io::{ErrorKind, Write},
    path::PathBuf,
};

use clap::Args;
use tollgate_ops::limits;

use super::open::{failure, open};
use crate::{context::Context, failure::Failure};

/// Prints the stored limits as a file
///
/// To apply the file changes nothing but that its limits are managed from then on.
#[derive(Debug, Args)]
pub(crate) struct ExportLimits {
    /// New file to write to, instead of the standard output
    #[arg(long, short = 'f', value_name = "PATH")]
    file: Option<PathBuf>,
    /// Only what files have declared
    #[arg(long)]
    managed_only: bool,
}

impl ExportLimits {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        if self.file.is_none() && !context.out.is_text() {
            let problem = "the limits are printed as a file, in YAML: leave --output out";
            return Err(Failure::Usage(problem.to_owned()));
        }
        let namespace = context.options.namespace()?;
        let target = open(context, &namespace).await?;
        let manifest = limits::export(&target, namespace, self.managed_only).await;
        let text = manifest.map_err(failure)?.to_yaml();
        let Some(path) = self.file else {
            return Ok(context.out.text(text.trim_end())?);
        };
        let name = path.display();
        let wrong = |error: std::io::Error| match error.kind() {
            ErrorKind::AlreadyExists => {
                Failure::Usage(format!("{name} exists: choose another file, or remove it"))
            }
            _ => Failure::Usage(format!("{name} cannot be written: {error}")),
        };
        let mut file = File::create_new(&path).map_err(wrong)?;
        file.write_all(text.as_bytes()).map_err(wrong)?;
        Ok(context.out.line(format!("Exported to {name}"))?)
    }
}
