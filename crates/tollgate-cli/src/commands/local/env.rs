//! `tollgate local env`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};
use tollgate::model::{NamespaceName, StackName};

use super::port;
use crate::{
    context::Context,
    failure::Failure,
    local::{self, Folder, Instance, endpoint},
    stderr,
};

/// Prints the environment for the local table
///
/// `eval "$(tollgate local env)"` makes this shell, the programs that it starts and the other
/// commands use the local table. If the table does not run, it prints the environment that it will
/// have, unless another program has the port: then a shell would use that program's table.
#[derive(Debug, Args)]
pub(crate) struct Env {
    /// Shell, or tool, that reads it
    #[arg(long, value_enum, default_value_t)]
    format: Syntax,
    /// Port, if the table does not run [default: as for up]
    #[arg(long)]
    port: Option<u16>,
    /// Folder of the data [default: as for up]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

/// The syntax of an environment.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Syntax {
    /// For `eval` of bash, zsh and others
    #[default]
    Eval,
    /// For the file .envrc
    Direnv,
    /// For PowerShell
    Powershell,
    /// One JSON object
    Json,
}

impl Env {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Failure> {
        if !context.out.is_text() {
            return Err(Failure::Usage(
                "local env has --format instead of --output".into(),
            ));
        }
        let folder = Folder::locate(self.data.as_deref())?;
        let instance = Instance::find(&folder)?;
        let namespace = context.options.namespace()?;
        // The table that the server was started with, if no other one is named.
        let started = instance.as_ref().map(|instance| instance.stack.clone());
        let stack = match (context.options.given_stack(), started) {
            (None, Some(started)) => started,
            _ => context.options.stack()?,
        };
        let endpoint = match instance {
            Some(instance) => instance.endpoint,
            None => {
                let port = port::choose(self.port)?;
                local::ensure_free(port)?;
                let folder = folder.path().display();
                stderr::line(&format!(
                    "note: no local table runs in {folder}: `tollgate local up` starts it"
                ));
                endpoint(port)
            }
        };
        print(
            context,
            self.format,
            variables(endpoint, &stack, &namespace),
        )
    }
}

/// Returns the variables. The names of stacks and namespaces need no quotes.
fn variables(
    endpoint: String,
    stack: &StackName,
    namespace: &NamespaceName,
) -> [(&'static str, String); 7] {
    [
        ("AWS_ENDPOINT_URL", endpoint.clone()),
        // It would count more than the first if it were set for another table.
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint),
        ("AWS_ACCESS_KEY_ID", "test".into()),
        ("AWS_SECRET_ACCESS_KEY", "test".into()),
        ("AWS_DEFAULT_REGION", "us-east-1".into()),
        ("TOLLGATE_STACK", stack.to_string()),
        ("TOLLGATE_NAMESPACE", namespace.to_string()),
    ]
}

fn print(
    context: &mut Context,
    syntax: Syntax,
    variables: [(&'static str, String); 7],
) -> Result<(), Failure> {
    let line: fn(&str, &str) -> String = match syntax {
        Syntax::Json => {
            let variables = variables.map(|(name, value)| (name.to_owned(), Value::String(value)));
            let variables: Map<_, _> = variables.into_iter().collect();
            let text = serde_json::to_string_pretty(&variables);
            let text = text.map_err(std::io::Error::from)?;
            return Ok(context.out.text(&text)?);
        }
        Syntax::Eval | Syntax::Direnv => |name, value| format!("export {name}={value}"),
        Syntax::Powershell => |name, value| format!("$env:{name} = \"{value}\""),
    };
    for (name, value) in variables {
        context.out.text(&line(name, &value))?;
    }
    Ok(())
}
