//! `tollgate doctor`

use clap::Args;
use tollgate::{error::StackError, model::NamespaceId};
use tollgate_aws::StackFunction;
use tollgate_ops::follow::AggregatorState;

use crate::{
    commands::{
        checks::{
            Check, Checks, Expected, Named, aggregator, clock, connection, definition, function_of,
            namespace, rights, unknown_aggregator, version,
        },
        function_stream::FunctionStream,
    },
    connect::{self, Unopened},
    context::Context,
    failure::Failure,
    time,
};

/// Checks the table, the version, the namespace, the clock, the rights, the aggregators and the
/// connection of the stream to the function; changes nothing
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
        if self.table(&unopened, context, &mut checks).await? {
            let registry = unopened.registry()?;
            let status = registry.status().await;
            checks.push(version(&status));
            let (check, id) = namespace(&registry, &name).await;
            checks.push(check);
            // Rights for a namespace that does not exist are those of the table's own records.
            let id = id.unwrap_or_else(|| NamespaceId::new("_"));
            let trials = unopened.stack.try_permissions(&id).await;
            let trials = trials.map_err(|error| unopened.failure(error))?;
            checks.extend(rights(&trials));
            let record = status.store.version.as_ref();
            let has_functions = record.is_some_and(|record| record.lambda_version.is_some());
            checks.extend(aggregators(&unopened, has_functions, context).await);
        }
        checks.print(context)
    }

    /// Checks the table and the clock. Returns `false` if nothing else can be checked, because the
    /// table has other keys.
    async fn table(
        &self,
        unopened: &Unopened,
        context: &Context,
        checks: &mut Checks,
    ) -> Result<bool, Failure> {
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
        let named = Named {
            table: unopened.stack.table(),
            options: &context.options,
        };
        checks.extend(definition(&table, &named, unopened.region(), &expected));
        checks.push(clock(table.clock_ahead));
        Ok(table.key_problem.is_none())
    }
}

/// Checks who counts the usage. `has_functions` is true if the version record says that the stack has
/// functions.
async fn aggregators(unopened: &Unopened, has_functions: bool, context: &Context) -> Vec<Check> {
    let stack = &unopened.stack;
    let read = AggregatorState::read(stack.client(), stack.table());
    let state = match tokio::time::timeout(connect::DEADLINE, read).await {
        Ok(Ok(state)) => Ok(state),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    };
    let (now, known) = (time::now(), state.as_ref().ok().and_then(Option::as_ref));
    let counting = function_of(known);
    let named = format!(
        "{}-{}",
        stack.table(),
        StackFunction::Aggregator.component()
    );
    let function = counting.or_else(|| has_functions.then_some(named.as_str()));
    let stream = match function {
        Some(function) => {
            Some(FunctionStream::read(unopened.config(), stack.table(), function).await)
        }
        None => None,
    };
    let enabled = stream.as_ref().filter(|stream| stream.is_enabled());
    let connected = enabled.map(|stream| stream.function.as_str());
    let mut checks = match &state {
        Ok(state) => aggregator(state.as_ref(), connected, &context.options, now),
        Err(problem) => vec![unknown_aggregator(problem)],
    };
    let is_replaced = counting.is_none() && known.is_some_and(|state| now < state.lease_until);
    let roles = (counting.is_some(), is_replaced);
    checks.extend(stream.and_then(|stream| connection(&stream, roles, &context.options)));
    checks
}
