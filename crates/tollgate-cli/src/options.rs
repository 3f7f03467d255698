//! The options of all commands.

use std::env;

use clap::Args;
use tollgate::model::{InvalidName, NamespaceName, StackName};

use crate::output::Format;

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
    /// Endpoint of DynamoDB, such as http://127.0.0.1:8000
    #[arg(long, global = true, value_name = "URL")]
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
    /// Do not ask before something is deleted
    #[arg(long, short = 'y', global = true)]
    pub(crate) yes: bool,
}

impl Options {
    /// Returns the stack.
    pub(crate) fn stack(&self) -> Result<StackName, InvalidName> {
        match &self.stack {
            Some(stack) => Ok(stack.clone()),
            None => first_of(["TOLLGATE_STACK", "ZAEL_STACK"], "zae-limiter").parse(),
        }
    }

    /// Returns the namespace.
    pub(crate) fn namespace(&self) -> Result<NamespaceName, InvalidName> {
        match &self.namespace {
            Some(namespace) => Ok(namespace.clone()),
            None => first_of(["TOLLGATE_NAMESPACE", "ZAEL_NAMESPACE"], "default").parse(),
        }
    }
}

/// Returns the first variable that is set and not empty, else `default`.
fn first_of(variables: [&str; 2], default: &str) -> String {
    variables
        .into_iter()
        .filter_map(|variable| env::var(variable).ok())
        .find(|value| !value.is_empty())
        .unwrap_or_else(|| default.to_owned())
}
