//! Writes the buckets that earlier applies did not come to.

use tokio::task::JoinSet;
use tollgate::{limiter::Config, model::ConfigScope};

use super::{
    error::LimitsError,
    level::order,
    owed::OwedFanOut,
    pending::{Owner, Pending},
    target::Target,
};
use crate::error::OpsError;

/// The number of scopes whose buckets are written at the same time.
const SCOPES_AT_ONCE: usize = 16;

/// An error, and the work that failed if it is known.
pub(super) type Failed = (Option<OwedFanOut>, LimitsError);

/// Writes the buckets of all works that no other apply holds, as the configs are now.
pub(super) async fn catch_up(
    target: &Target,
    owner: &Owner,
    config: &Config,
    works: &[Pending],
) -> Result<(), Failed> {
    let mut running = JoinSet::new();
    for (scope, works) in by_scope(works) {
        let (target, owner, config) = (target.clone(), owner.clone(), config.clone());
        running.spawn(async move {
            let done = of_scope(&target, &owner, &config, &scope, &works).await;
            done.map_err(|error| (works.first().map(Pending::owed), error))
        });
        if running.len() >= SCOPES_AT_ONCE {
            next(&mut running).await?;
        }
    }
    while !running.is_empty() {
        next(&mut running).await?;
    }
    Ok(())
}

/// Waits for the next scope.
async fn next(running: &mut JoinSet<Result<(), Failed>>) -> Result<(), Failed> {
    match running.join_next().await {
        None => Ok(()),
        Some(Ok(done)) => done,
        Some(Err(error)) => Err((None, OpsError::aws("UpdateItem", error).into())),
    }
}

/// Returns the works of each scope. Works of scopes that this version does not know are left out.
fn by_scope(works: &[Pending]) -> Vec<(ConfigScope, Vec<Pending>)> {
    let known = works.iter().filter_map(|work| Some((work.scope()?, work)));
    let mut known: Vec<_> = known.collect();
    known.sort_by_cached_key(|(scope, _)| order(scope));
    let scopes = known.chunk_by(|(one, _), (other, _)| one == other);
    let scopes = scopes.filter_map(|works| {
        let (scope, _) = works.first()?;
        let works = works.iter().map(|(_, work)| (*work).clone());
        Some((scope.clone(), works.collect()))
    });
    scopes.collect()
}

/// Writes the buckets of a scope, for all its works at once.
async fn of_scope(
    target: &Target,
    owner: &Owner,
    config: &Config,
    scope: &ConfigScope,
    works: &[Pending],
) -> Result<(), LimitsError> {
    let mut claimed = Vec::new();
    for work in works {
        if owner.claim(target, work).await? {
            claimed.push(work.clone());
        }
    }
    if claimed.is_empty() {
        return Ok(());
    }
    if let Err(error) = config.reapply(scope).await {
        owner.expire_all(target, &claimed).await;
        return Err(error.into());
    }
    for work in &claimed {
        owner.release(target, work).await?;
    }
    Ok(())
}
