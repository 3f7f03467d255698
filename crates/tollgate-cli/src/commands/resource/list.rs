//! `tollgate resource list`

use clap::Args;
use tollgate::Resource;

use crate::{
    commands::{
        listing::{self, Part},
        names,
    },
    context::Context,
    failure::Failure,
};

/// Lists the resources that have limits
///
/// The names are in one item of the table. A cursor is the name of the last resource.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    part: Part,
}

impl List {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut resources = context.open().await?.config().resources().await?;
        if let Some(cursor) = &self.part.from.cursor {
            resources.retain(|resource| resource.as_str() > cursor.as_str());
        }
        let limit = self.part.limit.unwrap_or(u64::MAX);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = resources.len() > limit;
        resources.truncate(limit);
        context.out.line(if resources.is_empty() {
            "No resources with configured defaults"
        } else {
            "Resources with configured defaults:"
        })?;
        let last = resources.last().map(Resource::to_string);
        names::print(context, "  ", resources)?;
        match last.filter(|_| more) {
            Some(last) => listing::more(context, &last),
            None => Ok(()),
        }
    }
}
