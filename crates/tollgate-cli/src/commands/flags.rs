//! Access to resources: what the commands for entities and for resources share.

use serde::Serialize;
use tollgate::model::ConfigScope;

use super::stored_limits::named;
use crate::{
    context::Context,
    failure::{Failure, midway},
    output::Row,
};

/// A change of the access in a scope.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum AccessChange {
    Disable,
    Bypass,
    Enable,
    Clear,
}

/// A change that was made.
#[derive(Debug, Serialize)]
struct AccessRecord {
    scope: String,
    change: AccessChange,
    buckets: u64,
}

impl Row for AccessRecord {
    const COLUMNS: &'static [&'static str] = &["scope", "buckets"];

    fn cells(&self) -> Vec<String> {
        vec![self.scope.clone(), self.buckets.to_string()]
    }
}

/// Changes the access in a scope. `whose` is its name in the sentence that is printed.
pub(super) async fn change(
    context: &mut Context,
    scope: &ConfigScope,
    change: AccessChange,
    whose: &str,
) -> Result<(), Failure> {
    let limiter = context.open().await?;
    let config = limiter.config();
    let buckets = match change {
        AccessChange::Disable => config.disable(scope).await,
        AccessChange::Bypass => config.bypass(scope).await,
        AccessChange::Enable => config.enable(scope).await,
        AccessChange::Clear => config.clear_access(scope).await,
    }
    .map_err(midway)?;
    let sentence = match change {
        AccessChange::Disable => format!("Disabled {whose} ({buckets} buckets stamped)"),
        AccessChange::Bypass => format!("Bypassed {whose} ({buckets} buckets stamped)"),
        AccessChange::Enable => format!("Enabled {whose} ({buckets} buckets cleared)"),
        AccessChange::Clear => {
            format!("Cleared disabled flag for {whose} ({buckets} buckets updated)")
        }
    };
    let record = AccessRecord {
        scope: named(scope),
        change,
        buckets,
    };
    Ok(context.out.done(&sentence, &record)?)
}
