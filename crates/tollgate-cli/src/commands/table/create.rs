//! `tollgate table create`

use clap::{Args, ValueEnum};
use serde::Serialize;
use tollgate::store::dynamodb::{CreateTable, SetUp};

use crate::{
    commands::checks::{Check, Checks, Expected, Named, definition},
    context::Context,
    failure::Failure,
    output::Row,
};

/// Creates the table of a stack, for those who do not use a template
///
/// It has the keys, the indexes, the time to live and the stream that a stack needs, and its version
/// record. No namespace is registered: `tollgate namespace register` does that. A table that exists
/// is not changed, except that a missing version record is written: it is checked against these
/// options, and the exit code is 1 if it does not fit.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Contents of the second index: `keys-only` for one write unit for each charge, `all` for two,
    /// which the capacity queries of Python clients need [default: keys-only]
    #[arg(long, value_enum)]
    gsi2: Option<Projection>,
    /// Create no stream, because nothing aggregates the usage
    #[arg(long)]
    without_stream: bool,
    /// Protect the table from deletion
    #[arg(long)]
    deletion_protection: bool,
    /// Switch point-in-time recovery on
    #[arg(long)]
    point_in_time_recovery: bool,
    /// Read units of the table and of each index, instead of paying for each request
    #[arg(long, value_name = "UNITS", requires = "write_units", value_parser = clap::value_parser!(u32).range(1..))]
    read_units: Option<u32>,
    /// Write units of the table and of each index, instead of paying for each request
    #[arg(long, value_name = "UNITS", requires = "read_units", value_parser = clap::value_parser!(u32).range(1..))]
    write_units: Option<u32>,
}

/// Contents of an index.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Projection {
    All,
    KeysOnly,
}

/// A table that was created.
#[derive(Debug, Serialize)]
struct Created {
    table: String,
    created: bool,
}

impl Row for Created {
    const COLUMNS: &'static [&'static str] = &["table", "created"];

    fn cells(&self) -> Vec<String> {
        vec![self.table.clone(), self.created.to_string()]
    }
}

impl Create {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let unopened = context.unopened().await?;
        let done = unopened.stack.set_up(&self.provision()).await;
        let done = done.map_err(|error| unopened.failure(error))?;
        let table = unopened.stack.table().to_owned();
        if done == SetUp::Created {
            let sentence = format!(
                "Created table {table} {}: `tollgate namespace register default` comes next",
                unopened.place()
            );
            return Ok(context.out.done(
                &sentence,
                &Created {
                    table,
                    created: true,
                },
            )?);
        }
        context.out.line(format!(
            "Table {table} exists, and its definition was not changed"
        ))?;
        let found = unopened.stack.inspect().await;
        let found = found.map_err(|error| unopened.failure(error))?;
        let named = Named {
            table: &table,
            options: &context.options,
        };
        let mut checks = Checks::default();
        if done == SetUp::Completed {
            let found = "was missing, and has been written";
            checks.push(Check::ok("version record", found));
        }
        checks.extend(definition(
            &found,
            &named,
            unopened.region(),
            &self.expected(),
        ));
        checks.print(context)
    }

    fn provision(&self) -> CreateTable {
        let mut table = CreateTable::new();
        if let Some(Projection::All) = self.gsi2 {
            table = table.with_reference_projection();
        }
        if self.without_stream {
            table = table.without_stream();
        }
        if self.deletion_protection {
            table = table.with_deletion_protection();
        }
        if self.point_in_time_recovery {
            table = table.with_point_in_time_recovery();
        }
        if let (Some(reads), Some(writes)) = (self.read_units, self.write_units) {
            table = table.with_provisioned_throughput(reads, writes);
        }
        table
    }

    /// Returns what a table that exists must be to fit.
    fn expected(&self) -> Expected {
        Expected {
            projection: self.gsi2.map(|projection| match projection {
                Projection::All => "ALL",
                Projection::KeysOnly => "KEYS_ONLY",
            }),
            without_stream: self.without_stream,
            protection: self.deletion_protection,
            recovery: self.point_in_time_recovery,
            billing: self.read_units.map(|_| "PROVISIONED"),
        }
    }
}
