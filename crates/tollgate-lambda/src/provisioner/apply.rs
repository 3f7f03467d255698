//! Plans and applies.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_ops::limits::{self, ApplyOptions, LimitsError, Manifest, Plan, PlanOptions, Target};

use super::error::ProvisionError;

/// The name that the history records for changes.
const PRINCIPAL: &str = "limits-provisioner";

/// The number of plans that are made if another apply is faster.
const ATTEMPTS: u32 = 3;

/// The pause before buckets are looked at again that another apply works on.
const PAUSE: Duration = Duration::from_secs(5);

/// Returns what an apply would change.
pub(super) async fn plan(target: &Target, manifest: &Manifest) -> Result<Value, ProvisionError> {
    let plan = limits::plan(target, manifest, PlanOptions::default()).await?;
    Ok(json!({
        "status": "planned",
        "changes": changes(&plan),
        "unchanged": plan.unchanged,
        "full": false,
        "resumed": false,
        "pending": plan.owed.len(),
    }))
}

/// Applies until everything is as declared, the buckets too, or until the deadline.
pub(super) async fn apply(
    target: &Target,
    manifest: &Manifest,
    deadline: Instant,
) -> Result<Value, ProvisionError> {
    let work = work(target, manifest, deadline);
    let done = tokio::time::timeout_at(deadline.into(), work).await;
    done.unwrap_or(Err(ProvisionError::Late))
}

async fn work(
    target: &Target,
    manifest: &Manifest,
    deadline: Instant,
) -> Result<Value, ProvisionError> {
    let (mut first, mut counts) = (None, [0; 3]);
    let mut attempts = 0;
    loop {
        attempts += 1;
        let plan = limits::plan(target, manifest, PlanOptions::default()).await?;
        let (all, unchanged) = first.get_or_insert_with(|| (changes(&plan), plan.unchanged));
        let mut options = ApplyOptions::default();
        options.principal = Some(PRINCIPAL.to_owned());
        let applied = match limits::apply(target, &plan, &options, |_| {}).await {
            Ok(applied) => applied,
            Err(LimitsError::Concurrent | LimitsError::Overtaken { .. }) if attempts < ATTEMPTS => {
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for (count, more) in
            counts
                .iter_mut()
                .zip([applied.created, applied.updated, applied.deleted])
        {
            *count += more;
        }
        if applied.owed.is_empty() {
            return Ok(json!({
                "status": "applied",
                "changes": all,
                "created": counts[0],
                "updated": counts[1],
                "deleted": counts[2],
                "unchanged": unchanged,
                "full": false,
                "resumed": false,
                "pending": 0,
                "errors": [],
            }));
        }
        if Instant::now() + PAUSE >= deadline {
            let count = applied.owed.len();
            return Err(ProvisionError::Owed { count });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn changes(plan: &Plan) -> Value {
    let changes = plan.changes.iter().map(|change| {
        json!({
            "action": change.action,
            "level": change.level,
            "target": change.target,
        })
    });
    changes.collect()
}
