//! `tollgate resource list`

use clap::Args;

use crate::{commands::names, context::Context, failure::Failure};

/// Lists the resources that have limits
#[derive(Debug, Args)]
pub(crate) struct List {}

impl List {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let resources = context.open().await?.config().resources().await?;
        if resources.is_empty() {
            context.out.line("No resources with configured defaults")?;
        } else {
            context.out.line("Resources with configured defaults:")?;
        }
        names::print(context, "  ", resources)
    }
}
