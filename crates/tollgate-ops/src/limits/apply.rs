//! Applies a plan.

use std::time::Duration;

use jiff::{Timestamp, fmt::temporal::DateTimePrinter, tz::Offset};
use serde::Serialize;
use tollgate::{limiter::Config, model::ConfigScope};

use super::{
    change::{ChangeAction, PlannedChange},
    error::LimitsError,
    hash::hash,
    managed::{self, Managed},
    owed::OwedFanOut,
    pending::{self, Kind, Owner, Pending},
    plan::Plan,
    target::Target,
};

/// The options of an apply.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApplyOptions {
    /// The name that the history records for the changes, instead of the limiter's.
    pub principal: Option<String>,
    /// The time for which other applies leave the buckets of a config to this one. A change of a
    /// config takes less: if this process dies, the next apply need not wait longer.
    pub lease: Duration,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            principal: None,
            lease: Duration::from_secs(60),
        }
    }
}

/// The result of an apply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Applied {
    /// The number of configs that no manifest had declared before.
    pub created: usize,
    /// The number of configs that were changed.
    pub updated: usize,
    /// The number of configs that were deleted.
    pub deleted: usize,
    /// The number of configs that were as declared.
    pub unchanged: usize,
    /// The writes of buckets that another apply still works on, or died with: apply again after
    /// that.
    pub owed: Vec<OwedFanOut>,
}

/// Writes the changes of a plan, one after the other, and the buckets that earlier applies did not
/// come to. `report` is called after each change. If the plan [is empty](Plan::is_empty), nothing
/// is written.
///
/// # Errors
/// [`LimitsError::Library`] if the table's functions are too old for one of the configs: nothing is
/// written. [`LimitsError::Concurrent`] if another apply began after the plan was made,
/// [`LimitsError::Midway`] with the number of changes that are written, [`LimitsError::Overtaken`]
/// if another apply began meanwhile. After each of them, plan and apply again.
///
/// # Cost
/// A read of the version if there are sessions, bypasses, cascade rules or soft limits. Two writes
/// for the record of managed configs, and for each change those of
/// [`Config::set`](tollgate::limiter::Config::set) or its relatives, and two for each kind of write
/// of buckets that it owes.
pub async fn apply(
    target: &Target,
    plan: &Plan,
    options: &ApplyOptions,
    report: impl FnMut(&PlannedChange),
) -> Result<Applied, LimitsError> {
    let applied = Applied {
        unchanged: plan.unchanged,
        owed: plan
            .owed
            .iter()
            .filter(|owed| owed.held_until.is_some())
            .cloned()
            .collect(),
        ..Applied::default()
    };
    // The other apply will tell what it owes.
    let has_work = plan.owed.len() > applied.owed.len();
    if plan.changes.is_empty() && plan.has_same_record() && !has_work {
        return Ok(applied);
    }
    let lease = i64::try_from(options.lease.as_millis()).unwrap_or(i64::MAX);
    let owner = Owner {
        token: ulid::Ulid::generate().to_string(),
        lease,
    };
    let config = match &options.principal {
        Some(principal) => target.limiter.config().by(principal),
        None => target.limiter.config(),
    };
    let apply = Apply {
        target,
        plan,
        owner,
        config,
        applied,
    };
    apply.run(report).await
}

/// An apply that runs.
struct Apply<'a> {
    target: &'a Target,
    plan: &'a Plan,
    owner: Owner,
    config: Config,
    applied: Applied,
}

impl Apply<'_> {
    async fn run(mut self, mut report: impl FnMut(&PlannedChange)) -> Result<Applied, LimitsError> {
        let (target, plan) = (self.target, self.plan);
        let new: Vec<_> = plan.changes.iter().map(|change| &change.new).collect();
        target.store.check_functions(&new).await?;
        // What is written from now on belongs to manifests, also if this apply does not end.
        let mut both = plan.managed.clone();
        for entry in plan.manifest.entries() {
            both.add(&entry.scope);
        }
        if !managed::claim(target, &plan.managed, &both, &self.owner.token).await? {
            return Err(LimitsError::Concurrent);
        }
        for change in &plan.changes {
            if let Err(source) = self.change(change).await {
                return Err(self.midway(change.to_string(), source));
            }
            match change.action {
                ChangeAction::Create => self.applied.created += 1,
                ChangeAction::Update => self.applied.updated += 1,
                ChangeAction::Delete => self.applied.deleted += 1,
            }
            report(change);
        }
        for work in &plan.pending {
            if let Err(source) = self.finish(work).await {
                let OwedFanOut { kind, scope, .. } = work.owed();
                return Err(
                    self.midway(format!("the write of buckets ({kind}) of {scope}"), source)
                );
            }
        }
        let scopes = plan.manifest.entries().iter().map(|entry| &entry.scope);
        let (managed, at) = (Managed::of(scopes), timestamp());
        let hash = hash(&plan.manifest);
        if managed::finish(target, &managed, &self.owner.token, &at, &hash).await? {
            return Ok(self.applied);
        }
        let done = self.done();
        Err(LimitsError::Overtaken { done })
    }

    fn done(&self) -> usize {
        self.applied.created + self.applied.updated + self.applied.deleted
    }

    fn midway(&self, change: String, source: LimitsError) -> LimitsError {
        LimitsError::Midway {
            change,
            done: self.done(),
            of: self.plan.changes.len(),
            source: Box::new(source),
        }
    }

    /// Makes a change: records the buckets that it owes, writes the config, and the buckets.
    async fn change(&self, change: &PlannedChange) -> Result<(), LimitsError> {
        let kinds = change.owes();
        let works: Vec<_> = kinds
            .iter()
            .map(|kind| Pending::new(*kind, &change.scope))
            .collect();
        for work in &works {
            self.owner.record(self.target, work).await?;
        }
        let mut written = self.write(change).await;
        // The library leaves the system's soft limits to the next write of each bucket, and the
        // Python client does not write them.
        if written.is_ok() && change.scope == ConfigScope::System && kinds.contains(&Kind::Soft) {
            written = self
                .config
                .reapply(&change.scope)
                .await
                .map(|_| ())
                .map_err(Into::into);
        }
        for work in &works {
            match &written {
                Ok(()) => self.owner.release(self.target, work).await?,
                // The error of the change says more than one of this.
                Err(_) => {
                    let _ = self.owner.expire(self.target, work).await;
                }
            }
        }
        written
    }

    /// Writes a config and the buckets that follow it.
    async fn write(&self, change: &PlannedChange) -> Result<(), LimitsError> {
        let PlannedChange {
            scope, old, new, ..
        } = change;
        if change.action == ChangeAction::Delete {
            self.config.delete(scope).await?;
            return Ok(());
        }
        // To store a config keeps the flags that it does not set.
        if old.access.is_some() && new.access.is_none() {
            self.config.clear_access(scope).await?;
        }
        if old.cascade.is_some() && new.cascade.is_none() {
            self.config.clear_cascade(scope).await?;
        }
        Ok(self.config.set(scope.clone(), new.clone()).await?)
    }

    /// Writes the buckets that an earlier apply did not come to, as the configs are now.
    async fn finish(&mut self, work: &Pending) -> Result<(), LimitsError> {
        let Some(scope) = work.scope() else {
            return Ok(());
        };
        if !self.owner.claim(self.target, work).await? {
            return Ok(());
        }
        match self.config.reapply(&scope).await {
            Ok(_) => self.owner.release(self.target, work).await,
            Err(error) => {
                let _ = self.owner.expire(self.target, work).await;
                Err(error.into())
            }
        }
    }
}

/// Returns the time as the record spells it: `2026-01-31T12:00:00.000000+00:00`.
fn timestamp() -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    PRINTER.timestamp_with_offset_to_string(
        &Timestamp::from_microsecond(pending::now().saturating_mul(1000)).unwrap_or_default(),
        Offset::UTC,
    )
}
