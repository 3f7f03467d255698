//! The limits that a command stores.

use clap::Args;
use tollgate::{Limit, LimitName, model::StoredConfig};

use crate::{failure::Failure, limits};

/// The options that give the limits.
#[derive(Debug, Args)]
pub(crate) struct NewLimits {
    /// Limit as name:rate[/period][:burst], repeatable; the period is /sec, /min (default), /hour,
    /// /day, or a count of them such as /2day
    #[arg(long = "limit", short = 'l', required = true, value_name = "LIMIT", value_parser = limits::parse)]
    limits: Vec<Limit>,
    /// Make a limit that `-l` gives soft, repeatable: it is charged, and refuses nothing
    #[arg(long, value_name = "NAME")]
    soft: Vec<LimitName>,
}

impl NewLimits {
    /// Returns the config with the limits.
    ///
    /// # Errors
    /// [`Failure::Usage`] if a soft limit is not one of the limits.
    pub(super) fn config(self) -> Result<StoredConfig, Failure> {
        let Self { mut limits, soft } = self;
        for name in soft {
            let Some(limit) = limits.iter_mut().find(|limit| *limit.name() == name) else {
                return Err(Failure::Usage(format!(
                    "--soft names {name}, which no --limit gives"
                )));
            };
            *limit = limit.clone().soft();
        }
        Ok(StoredConfig::new(limits))
    }
}
