//! Writes the buckets that earlier applies did not come to.

use std::panic::resume_unwind;

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

/// Writes the buckets of all works that no other apply holds, as the configs are now. After an
/// error, no other scope begins, and those that have begun are finished. Returns the first error.
pub(super) async fn catch_up(
    target: &Target,
    owner: &Owner,
    config: &Config,
    works: &[Pending],
) -> Result<(), Failed> {
    let mut running = JoinSet::new();
    let mut result = Ok(());
    for (scope, works) in by_scope(works) {
        if running.len() >= SCOPES_AT_ONCE {
            result = next(&mut running).await;
        }
        if result.is_err() {
            break;
        }
        let (target, owner, config) = (target.clone(), owner.clone(), config.clone());
        running.spawn(async move {
            let done = of_scope(&target, &owner, &config, &scope, &works).await;
            done.map_err(|error| (works.first().map(Pending::owed), error))
        });
    }
    while !running.is_empty() {
        result = result.and(next(&mut running).await);
    }
    result
}

/// Waits for the next scope.
async fn next(running: &mut JoinSet<Result<(), Failed>>) -> Result<(), Failed> {
    match running.join_next().await {
        None => Ok(()),
        Some(Ok(done)) => done,
        Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
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
    let done = async {
        for work in works {
            if owner.claim(target, work).await? {
                claimed.push(work.clone());
            }
        }
        if !claimed.is_empty() {
            config.reapply(scope).await?;
        }
        Ok(())
    };
    if let Err(error) = done.await {
        owner.expire_all(target, &claimed).await;
        return Err(error);
    }
    for work in &claimed {
        owner.release(target, work).await?;
    }
    Ok(())
}
