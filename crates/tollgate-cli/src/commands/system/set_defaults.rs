//! `tollgate system set-defaults`

use clap::{Args, ValueEnum};
use tollgate::model::{ConfigScope, StoredOnUnavailable};

use crate::{
    commands::{new_limits::NewLimits, stored_limits},
    context::Context,
    failure::Failure,
};

/// Stores the limits of all resources, in place of those that were stored
#[derive(Debug, Args)]
pub(crate) struct SetDefaults {
    #[command(flatten)]
    limits: NewLimits,
    /// Answer to requests while the table cannot be reached
    #[arg(long, value_enum, value_name = "ACTION")]
    on_unavailable: Option<Action>,
}

/// The rule for requests while the table cannot be reached.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    /// Requests are allowed
    Allow,
    /// Requests are refused
    Block,
}

impl SetDefaults {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut config = self.limits.config()?;
        let heading = format!("Set {} system-wide default(s):", config.limits.len());
        if let Some(action) = self.on_unavailable {
            config = config.with_on_unavailable(match action {
                Action::Allow => StoredOnUnavailable::Allow,
                Action::Block => StoredOnUnavailable::Block,
            });
        }
        stored_limits::set(context, ConfigScope::System, config, &heading).await
    }
}
