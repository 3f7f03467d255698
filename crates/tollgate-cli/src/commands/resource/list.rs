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

/// The beginning of a cursor. No cursor of another listing has it.
const MARK: &str = "resource:";

/// Lists the resources that have limits
///
/// The names are in one item of the table. A cursor has the name of the last resource.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    part: Part,
}

impl List {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let after = self.part.from.cursor.as_deref().map(read).transpose()?;
        let mut resources = context.open().await?.config().resources().await?;
        if let Some(after) = after {
            resources.retain(|resource| *resource > after);
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
            Some(last) => listing::more(context, &format!("{MARK}{last}")),
            None => Ok(()),
        }
    }
}

/// Reads the cursor: the resource after which the listing continues.
fn read(cursor: &str) -> Result<Resource, Failure> {
    let name = cursor.strip_prefix(MARK).map(str::parse);
    name.and_then(Result::ok).ok_or_else(listing::wrong_cursor)
}
