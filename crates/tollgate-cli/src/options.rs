//! The options of all commands.

use std::{env, fmt::Display, str::FromStr};

use clap::Args;
use tollgate::model::{InvalidName, NamespaceName, StackName};

use crate::{failure::Failure, output::Format};

/// The number of characters of the shortest name that DynamoDB gives a table.
const SHORTEST_TABLE: usize = 3;

/// The options that every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Options {
    /// Stack, which is also the name of its table [default: TOLLGATE_STACK, ZAEL_STACK, or
    /// zae-limiter]
    #[arg(
        id = "stack",
        long = "name",
        short = 'n',
        global = true,
        value_name = "STACK"
    )]
    stack: Option<StackName>,
    /// Namespace in the table [default: TOLLGATE_NAMESPACE, ZAEL_NAMESPACE, or default]
    #[arg(
        id = "tenant",
        long = "namespace",
        short = 'N',
        global = true,
        value_name = "NAME"
    )]
    namespace: Option<NamespaceName>,
    /// AWS region [default: AWS_REGION, or the profile's]
    #[arg(long, global = true)]
    pub(crate) region: Option<String>,
    /// Endpoint of DynamoDB and of all other services, such as http://127.0.0.1:8000
    #[arg(long, global = true, value_name = "URL", value_parser = endpoint)]
    pub(crate) endpoint_url: Option<String>,
    /// Profile of the AWS configuration [default: AWS_PROFILE]
    #[arg(long, global = true)]
    pub(crate) profile: Option<String>,
    /// Format of the output
    #[arg(
        long,
        short = 'o',
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub(crate) output: Format,
    /// Repeat a command that reads a stack every 2 s, or as often as is given, until it is interrupted
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "2",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub(crate) watch: Option<u64>,
    /// Do not ask before something is deleted, or before a read of the whole table
    #[arg(long, short = 'y', global = true)]
    pub(crate) yes: bool,
}

impl Options {
    /// Returns the stack that the arguments name.
    pub(crate) fn given_stack(&self) -> Option<&StackName> {
        self.stack.as_ref()
    }

    /// Returns the namespace that the arguments name.
    pub(crate) fn given_namespace(&self) -> Option<&NamespaceName> {
        self.namespace.as_ref()
    }

    /// Returns the arguments that a command of the AWS command line needs to ask the same place:
    /// those that were given here. Variables count for both.
    pub(crate) fn aws_flags(&self) -> String {
        let given = [
            ("--region", &self.region),
            ("--profile", &self.profile),
            ("--endpoint-url", &self.endpoint_url),
        ];
        let given = given
            .into_iter()
            .filter_map(|(flag, value)| Some((flag, value.as_ref()?)));
        given
            .map(|(flag, value)| format!(" {flag} {value}"))
            .collect()
    }

    /// Returns the stack.
    pub(crate) fn stack(&self) -> Result<StackName, Failure> {
        let variables = ["TOLLGATE_STACK", "ZAEL_STACK"];
        let stack = named(&self.stack, variables, "zae-limiter")?;
        if stack.as_str().len() < SHORTEST_TABLE {
            return Err(Failure::Usage(format!(
                "the stack name {stack} is too short: a table's name has at least {SHORTEST_TABLE} characters"
            )));
        }
        Ok(stack)
    }

    /// Returns the namespace.
    pub(crate) fn namespace(&self) -> Result<NamespaceName, Failure> {
        let variables = ["TOLLGATE_NAMESPACE", "ZAEL_NAMESPACE"];
        named(&self.namespace, variables, "default")
    }
}

/// Returns what the arguments say, else the first variable that is set and not empty, else
/// `default`.
fn named<T>(given: &Option<T>, variables: [&str; 2], default: &str) -> Result<T, Failure>
where
    T: Clone + FromStr<Err = InvalidName>,
{
    if let Some(given) = given {
        return Ok(given.clone());
    }
    for variable in variables {
        let Some(value) = env::var_os(variable).filter(|value| !value.is_empty()) else {
            continue;
        };
        let wrong = |error: &dyn Display| Failure::Usage(format!("{variable}: {error}"));
        let text = value.to_str().ok_or_else(|| wrong(&"it is not UTF-8"))?;
        return text.parse().map_err(|error: InvalidName| wrong(&error));
    }
    Ok(default.parse()?)
}

/// Reads an endpoint, whose scheme the SDK would ask for when it is too late.
pub(crate) fn endpoint(text: &str) -> Result<String, &'static str> {
    let host = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    match host {
        Some(host) if !host.is_empty() => Ok(text.to_owned()),
        _ => Err("it must begin with http:// or https://, and name a host"),
    }
}
