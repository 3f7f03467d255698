//! Access to resources, and cascade rules: what the commands for entities and for resources share.

use clap::ValueEnum;
use serde::Serialize;
use tollgate::{limiter::Config, model::ConfigScope};

use super::stored_limits::named;
use crate::{change::ManyWrites, context::Context, failure::Failure, output::Row};

/// A change of a flag in a scope.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FlagChange {
    Disable,
    Bypass,
    Enable,
    Clear,
    CascadeOn,
    CascadeOff,
    ClearCascade,
}

/// The value of a cascade rule.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Switch {
    On,
    Off,
}

impl Switch {
    /// Returns the change that sets the cascade rule to this value.
    pub(super) fn cascade(self) -> FlagChange {
        match self {
            Self::On => FlagChange::CascadeOn,
            Self::Off => FlagChange::CascadeOff,
        }
    }
}

impl FlagChange {
    /// Makes the change, and returns the number of buckets written.
    async fn make(self, config: &Config, scope: &ConfigScope) -> Result<u64, tollgate::Error> {
        match self {
            Self::Disable => config.disable(scope).await,
            Self::Bypass => config.bypass(scope).await,
            Self::Enable => config.enable(scope).await,
            Self::Clear => config.clear_access(scope).await,
            Self::CascadeOn => config.set_cascade(scope, true).await,
            Self::CascadeOff => config.set_cascade(scope, false).await,
            Self::ClearCascade => config.clear_cascade(scope).await,
        }
    }

    /// Describes the change of the scope `whose`.
    fn sentence(self, whose: &str, buckets: u64) -> String {
        match self {
            Self::Disable => format!("Disabled {whose} ({buckets} buckets stamped)"),
            Self::Bypass => format!("Bypassed {whose} ({buckets} buckets stamped)"),
            Self::Enable => format!("Enabled {whose} ({buckets} buckets cleared)"),
            Self::Clear => {
                format!("Cleared disabled flag for {whose} ({buckets} buckets updated)")
            }
            Self::CascadeOn => format!("Set cascade on for {whose} ({buckets} buckets stamped)"),
            Self::CascadeOff => format!("Set cascade off for {whose} ({buckets} buckets stamped)"),
            Self::ClearCascade => {
                format!("Cleared cascade policy for {whose} ({buckets} buckets updated)")
            }
        }
    }
}

/// A change that was made.
#[derive(Debug, Serialize)]
struct FlagRecord {
    scope: String,
    change: FlagChange,
    buckets: u64,
}

impl Row for FlagRecord {
    const COLUMNS: &'static [&'static str] = &["scope", "buckets"];

    fn cells(&self) -> Vec<String> {
        vec![self.scope.clone(), self.buckets.to_string()]
    }
}

/// Changes a flag in a scope. `whose` is its name in the sentence that is printed.
pub(super) async fn change(
    context: &mut Context,
    scope: &ConfigScope,
    change: FlagChange,
    whose: &str,
) -> Result<(), Failure> {
    let limiter = context.open().await?;
    let writes = ManyWrites::new("buckets written");
    let config = limiter.config().progress(writes.counter());
    let buckets = writes.run(change.make(&config, scope)).await?;
    let record = FlagRecord {
        scope: named(scope),
        change,
        buckets,
    };
    let sentence = change.sentence(whose, buckets);
    Ok(context.out.done(&sentence, &record)?)
}
