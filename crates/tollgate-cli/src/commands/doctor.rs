//! `tollgate doctor`

use clap::Args;
use tollgate::{error::StackError, model::NamespaceId};

use tollgate_ops::follow::AggregatorState;

use crate::{
    commands::checks::{
        Check, Checks, Expected, aggregator, clock, definition, namespace, rights,
        unknown_aggregator, version,
    },
    connect::{self, Unopened},
    context::Context,
    failure::Failure,
    time,
};

/// Checks the table, the version, the namespace, the clock, the rights and the aggregators; changes
/// nothing
///
/// One line for each check: ok, a warning or a fault, and what to do about it. The exit code is 1 if
/// there is a fault. Rights are tried by reads of keys that never exist, and by writes of them under
/// conditions that never hold. About 25 round trips, and as many read and write units.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The table has no stream on purpose, because nothing aggregates the usage
    #[arg(long)]
    without_stream: bool,
}

impl Doctor {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let name = context.options.namespace()?;
        let unopened = context.unopened().await?;
        let mut checks = Checks::default();
        if self.table(&unopened, &mut checks).await? {
            let registry = unopened.registry()?;
            checks.push(version(&registry.status().await));
            let (check, id) = namespace(&registry, &name).await;
            checks.push(check);
            // Rights for a namespace that does not exist are those of the table's own records.
            let id = id.unwrap_or_else(|| NamespaceId::new("_"));
            let trials = unopened.stack.try_permissions(&id).await;
            let trials = trials.map_err(|error| unopened.failure(error))?;
            checks.extend(rights(&trials));
            checks.extend(aggregators(&unopened).await);
        }
        checks.print(context)
    }

    /// Checks the table and the clock. Returns `false` if nothing else can be checked, because the
    /// table has other keys.
    async fn table(&self, unopened: &Unopened, checks: &mut Checks) -> Result<bool, Failure> {
        let table = match unopened.stack.inspect().await {
            Err(StackError::Call { error, .. }) if error.missing_permission().is_some() => {
                checks.push(Check::warning(
                    "table",
                    format!("not described: {error}"),
                    "allow dynamodb:DescribeTable to check the table",
                ));
                return Ok(true);
            }
            table => table.map_err(|error| unopened.failure(error))?,
        };
        let expected = Expected {
            without_stream: self.without_stream,
            ..Expected::default()
        };
        checks.extend(definition(&table, unopened.region(), &expected));
        checks.push(clock(table.clock_ahead));
        Ok(table.key_problem.is_none())
    }
}

/// Checks who counts the usage.
async fn aggregators(unopened: &Unopened) -> Vec<Check> {
    let stack = &unopened.stack;
    let read = AggregatorState::read(stack.client(), stack.table());
    match tokio::time::timeout(connect::DEADLINE, read).await {
        Ok(Ok(state)) => aggregator(state.as_ref(), time::now()),
        Ok(Err(error)) => vec![unknown_aggregator(&error.to_string())],
        Err(_) => vec![unknown_aggregator("no answer in time")],
    }
}
