//! `tollgate system get-defaults`

use clap::Args;
use tollgate::model::ConfigScope;

use crate::{commands::stored_limits, context::Context, failure::Failure};

/// Shows the limits of all resources
#[derive(Debug, Args)]
pub(crate) struct GetDefaults {}

impl GetDefaults {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let (heading, none) = (
            "System-wide defaults:\n  Limits:",
            "No system defaults configured",
        );
        stored_limits::get(context, &ConfigScope::System, heading, none).await
    }
}
