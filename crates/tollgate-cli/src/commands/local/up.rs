//! `tollgate local up`

use std::path::PathBuf;

use clap::Args;
use tollgate::model::StackName;

use super::{port, record::Running, shell};
use crate::{
    context::Context,
    failure::Failure,
    local::{self, Folder, Instance, Server, Started},
    runtime, stderr,
};

/// The shortest table name whose stream Python clients can read: their SDK refuses shorter ids of
/// shards.
const READABLE: usize = 11;

/// Starts a table on this machine
///
/// An embedded DynamoDB engine serves it, on 127.0.0.1 only, in the background, until `tollgate
/// local down`. The data outlive the process. If it runs already, the table is created in it if it
/// is missing.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Port, 0 for any [default: TOLLGATE_LOCAL_PORT, or 4566]
    #[arg(long)]
    port: Option<u16>,
    /// Folder of the data [default: TOLLGATE_LOCAL_DATA, or tollgate/local in XDG_STATE_HOME or
    /// ~/.local/state]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Serve until Ctrl-C, instead of in the background
    #[arg(long)]
    foreground: bool,
    /// Do not count usage [default: hours and days are counted, as by `tollgate aggregate`]
    #[arg(long)]
    no_aggregator: bool,
}

impl Up {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Failure> {
        let server = Server {
            folder: Folder::locate(self.data.as_deref())?,
            port: port::choose(self.port)?,
            stack: context.options.stack()?,
            aggregates: !self.no_aggregator,
        };
        note_short_name(&server.stack);
        if self.foreground {
            return local::serve(&server, |instance| {
                print(context, "Started", instance, &server, "Ctrl-C stops it.")
            });
        }
        let folder = self.data.as_ref().map(|data| {
            let word = shell::word(&data.display().to_string());
            format!(" --data {word}")
        });
        let folder = folder.unwrap_or_default();
        let (word, instance) = ensure(&server, port::asked(self.port)?)?;
        if self.no_aggregator && instance.aggregates {
            stderr::line(
                "note: the server that runs counts usage: `tollgate local down` first to change that",
            );
        }
        // Without a name, `local env` prints the table that the server was started with.
        let other = (instance.stack != server.stack).then(|| format!(" --name {}", server.stack));
        let other = other.unwrap_or_default();
        let hint = &format!("For this shell: eval \"$(tollgate local env{other}{folder})\"");
        Ok(print(context, word, &instance, &server, hint)?)
    }
}

/// Ensures that a server runs and has the table. Returns a word for what was done, and the server.
fn ensure(server: &Server, port: Option<u16>) -> Result<(&'static str, Instance), Failure> {
    let mut attempts = 3;
    loop {
        attempts -= 1;
        let instance = match local::start(server)? {
            Started::Now(instance) => return Ok(("Started", instance)),
            Started::Before(instance) => instance,
        };
        same_port(port, &instance)?;
        match runtime::run(local::create(&instance.endpoint, &server.stack)) {
            Ok(()) => return Ok(("Already running", instance)),
            Err(failure) => {
                let now = Instance::find(&server.folder)?;
                let ended = now.is_none_or(|now| now.pid != instance.pid);
                // It was stopped or killed meanwhile: another one is started.
                if !ended || attempts == 0 {
                    return Err(failure);
                }
            }
        }
    }
}

fn print(
    context: &mut Context,
    word: &str,
    instance: &Instance,
    server: &Server,
    hint: &str,
) -> std::io::Result<()> {
    let record = Running::new(instance, server.stack.clone(), &server.folder);
    context.out.done(&record.sentence(word), &record)?;
    context.out.line(hint)?;
    context.out.flush()
}

fn same_port(asked: Option<u16>, instance: &Instance) -> Result<(), Failure> {
    match asked {
        Some(port) if port != 0 && !instance.endpoint.ends_with(&format!(":{port}")) => {
            Err(Failure::Refused(format!(
                "already running at {} (pid {}): `tollgate local down` first, or leave --port out",
                instance.endpoint, instance.pid
            )))
        }
        _ => Ok(()),
    }
}

fn note_short_name(stack: &StackName) {
    if stack.as_str().len() < READABLE {
        stderr::line(&format!(
            "note: Python clients cannot read the stream of {stack}: for them a name needs {READABLE} characters or more"
        ));
    }
}
