//! `tollgate namespace orphans`

use clap::Args;
use tollgate::model::NamespaceInfo;

use super::record::NamespaceRecord;
use crate::{
    commands::listing::{self, Form, Part},
    context::Context,
    failure::Failure,
};

/// Lists the namespaces that were deleted and not purged yet
#[derive(Debug, Args)]
pub(crate) struct Orphans {
    #[command(flatten)]
    part: Part,
}

impl Orphans {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let limiter = context.open_registry().await?;
        let namespaces = limiter.namespaces().orphans();
        let row = |info: NamespaceInfo| Some(NamespaceRecord::new(&info));
        let total = |count| Some(format!("Total: {count} namespace(s)"));
        listing::print(context, namespaces, self.part, Form::Table, (row, total)).await
    }
}
