//! Plans and applies.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_ops::limits::{self, ApplyOptions, LimitsError, Manifest, Plan, PlanOptions, Target};

use super::error::ProvisionError;

/// The name that the history records for changes.
const PRINCIPAL: &str = "limits-provisioner";

/// The number of plans that are made if another apply is faster.
const ATTEMPTS: u32 = 3;

/// The longest time for which an apply that is late ends its leases.
const ENDING: Duration = Duration::from_secs(5);

/// The pause before buckets are looked at again that another apply works on.
const PAUSE: Duration = Duration::from_secs(5);

/// Returns what an apply would change.
pub(super) async fn plan(
    target: &Target,
    manifest: &Manifest,
    full: bool,
) -> Result<Value, ProvisionError> {
    let options = PlanOptions::default().with_full(full);
    let plan = limits::plan(target, manifest, options).await?;
    Ok(json!({
        "status": "planned",
        "changes": changes(&plan),
        "unchanged": plan.unchanged,
        "full": full,
        "resumed": plan.resumed,
        "pending": plan.owed.len(),
    }))
}

/// Applies until everything is as declared, the buckets too, or until the deadline. With `full`,
/// writes everything once.
pub(super) async fn apply(
    target: &Target,
    manifest: &Manifest,
    full: bool,
    deadline: Instant,
) -> Result<Value, ProvisionError> {
    let mut options = ApplyOptions::default();
    options.principal = Some(PRINCIPAL.to_owned());
    let work = work(target, manifest, full, deadline, &options);
    if let Ok(done) = tokio::time::timeout_at(deadline.into(), work).await {
        return done;
    }
    // The next apply need not wait for the leases of this one. If they stay, it says until when.
    let _ = tokio::time::timeout(ENDING, limits::end_leases(target, &options)).await;
    Err(ProvisionError::Late)
}

async fn work(
    target: &Target,
    manifest: &Manifest,
    full: bool,
    deadline: Instant,
    options: &ApplyOptions,
) -> Result<Value, ProvisionError> {
    let (mut first, mut counts) = (None, [0; 3]);
    let (mut attempts, mut planning) = (0, PlanOptions::default().with_full(full));
    loop {
        attempts += 1;
        let plan = limits::plan(target, manifest, planning).await?;
        let (all, unchanged, resumed) =
            first.get_or_insert_with(|| (changes(&plan), plan.unchanged, plan.resumed));
        let applied = match limits::apply(target, &plan, options, |_| {}).await {
            Ok(applied) => applied,
            Err(LimitsError::Concurrent | LimitsError::Overtaken { .. }) if attempts < ATTEMPTS => {
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        // What is left is the work of others.
        planning.full = false;
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
                "full": full,
                "resumed": resumed,
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
