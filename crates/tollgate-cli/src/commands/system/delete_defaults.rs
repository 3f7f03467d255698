//! `tollgate system delete-defaults`

use clap::Args;
use tollgate::model::ConfigScope;

use crate::{commands::stored_limits, context::Context, failure::Failure};

/// Deletes the limits of all resources
#[derive(Debug, Args)]
pub(crate) struct DeleteDefaults {}

impl DeleteDefaults {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let question = "Delete all system-wide defaults?";
        let done = [
            "Deleted all system-wide defaults",
            "No system defaults configured",
        ];
        stored_limits::delete(context, &ConfigScope::System, question, done).await
    }
}
