//! Applies a plan.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{Timestamp, fmt::temporal::DateTimePrinter, tz::Offset};
use serde::Serialize;
use tollgate::{
    Error, error::Unavailable, limiter::Config, model::ConfigScope, store::StoreErrorKind,
};

use super::{
    catch_up::catch_up,
    change::{ChangeAction, PlannedChange},
    error::LimitsError,
    hash::hash,
    level::described,
    live,
    managed::{self, Managed},
    owed::OwedFanOut,
    part::parts,
    pending::{self, Owner, Pending},
    plan::Plan,
    target::Target,
};
use crate::error::OpsError;

/// The number of tries to write a config that others write at the same time.
const ATTEMPTS: u32 = 5;

/// The options of an apply.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApplyOptions {
    /// The name that the history records for the changes, instead of the limiter's.
    pub principal: Option<String>,
    /// The time for which other applies leave the buckets of a config to this one. A change of a
    /// config takes less: if this process dies, the next apply need not wait longer.
    pub lease: Duration,
    /// The token of the last apply with these options, or with a clone of them.
    pub(super) last: Arc<LastToken>,
}

/// A token that each apply replaces.
#[derive(Debug, Default)]
pub(super) struct LastToken(Mutex<Option<String>>);

impl LastToken {
    fn set(&self, token: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.to_owned());
    }

    pub(super) fn get(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            principal: None,
            lease: Duration::from_secs(60),
            last: Arc::default(),
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

/// Writes the changes of a plan, some at a time, and the buckets that earlier applies did not come
/// to. `report` is called for each change that is written. If the plan [is empty](Plan::is_empty),
/// nothing is written.
///
/// # Errors
/// [`LimitsError::Library`] if the table's functions are too old for one of the configs: nothing is
/// written. [`LimitsError::Concurrent`] if another apply began after the plan was made,
/// [`LimitsError::Midway`] with the number of changes that are written, [`LimitsError::Overtaken`]
/// if another apply began meanwhile: this one then writes no more, and what it has written stays
/// managed. After each of them, plan and apply again.
///
/// # Cost
/// A read of the version if there are sessions, bypasses, cascade rules or soft limits. Two writes
/// for the record of managed configs. For every forty changes, a read of it, the round trips of
/// [`Config::change`](tollgate::limiter::Config::change), and two or more for the writes of buckets
/// that they owe.
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
    let token = ulid::Ulid::generate().to_string();
    options.last.set(&token);
    let owner = Owner {
        token,
        lease,
        resumes: plan.resumed,
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
        written: Vec::new(),
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
    /// The scopes whose configs this apply has stored.
    written: Vec<ConfigScope>,
}

impl Apply<'_> {
    async fn run(mut self, report: impl FnMut(&PlannedChange)) -> Result<Applied, LimitsError> {
        let done = self.write_all(report).await;
        let Err(error) = done else {
            return Ok(self.applied);
        };
        match error {
            LimitsError::Overtaken { .. } => {
                let kept = self.keep_written().await;
                kept.map_err(|source| self.midway("the list of managed configs".into(), source))?;
                let done = self.done();
                Err(LimitsError::Overtaken { done })
            }
            // Another apply may have begun too. The first error says more than one of this.
            LimitsError::Midway { .. } if !self.written.is_empty() => {
                if let Ok(false) = managed::has(self.target, &self.owner.token).await {
                    let _ = self.keep_written().await;
                }
                Err(error)
            }
            error => Err(error),
        }
    }

    /// Adds what this apply has stored to the record, which is that of another apply now: a config
    /// that a manifest has declared must not look as if it had been stored by hand.
    async fn keep_written(&self) -> Result<(), LimitsError> {
        let configs = live::configs(self.target, &self.written).await?;
        let written = self.written.iter().zip(configs);
        // The other apply may have deleted some.
        let stored = written.filter(|(_, config)| config.is_some());
        let stored: Vec<_> = stored.map(|(scope, _)| scope.clone()).collect();
        if stored.is_empty() {
            return Ok(());
        }
        managed::keep(self.target, &stored, &self.owner.token).await
    }

    /// Returns an error if another apply has begun.
    async fn still_has_record(&self) -> Result<(), LimitsError> {
        if managed::has(self.target, &self.owner.token).await? {
            return Ok(());
        }
        let done = self.done();
        Err(LimitsError::Overtaken { done })
    }

    async fn write_all(
        &mut self,
        mut report: impl FnMut(&PlannedChange),
    ) -> Result<(), LimitsError> {
        let (target, plan) = (self.target, self.plan);
        let new: Vec<_> = plan.changes.iter().map(|change| &change.new).collect();
        target.store.check_functions(&new).await?;
        // What is written from now on belongs to manifests, also if this apply does not end.
        let both = plan.managed.with(&plan.manifest);
        if !managed::claim(target, &plan.managed, &both, &self.owner.token).await? {
            return Err(LimitsError::Concurrent);
        }
        if plan.full {
            let recorded = self.record_everything().await;
            recorded.map_err(|source| self.midway("the record of the buckets".into(), source))?;
        }
        for part in parts(&plan.changes) {
            let mut stored = Vec::new();
            let written = self.write(part, &mut stored).await;
            for change in stored {
                match change.action {
                    ChangeAction::Create => self.applied.created += 1,
                    ChangeAction::Update => self.applied.updated += 1,
                    ChangeAction::Delete => self.applied.deleted += 1,
                }
                if change.action != ChangeAction::Delete {
                    self.written.push(change.scope.clone());
                }
                report(change);
            }
            written.map_err(|(change, source)| match source {
                LimitsError::Overtaken { .. } => source,
                source => self.midway(change, source),
            })?;
        }
        let caught_up = catch_up(target, &self.owner, &self.config, &plan.pending).await;
        caught_up.map_err(|(owed, source)| {
            let owed = owed.map_or_else(String::new, |owed| {
                format!(" ({}) of {}", owed.kind, owed.scope)
            });
            self.midway(format!("the write of buckets{owed}"), source)
        })?;
        let scopes = plan.manifest.entries().iter().map(|entry| &entry.scope);
        let (managed, at) = (Managed::of(scopes), timestamp());
        let hash = hash(&plan.manifest);
        if managed::finish(target, &managed, &self.owner.token, &at, &hash).await? {
            return Ok(());
        }
        let done = self.done();
        Err(LimitsError::Overtaken { done })
    }

    /// Records everything that an apply of everything owes: if it is interrupted, the next one need
    /// not begin from the start. The last record tells that there are all of them.
    async fn record_everything(&self) -> Result<(), LimitsError> {
        let works = self.owed_by(&self.plan.changes);
        let Some((last, others)) = works.split_last() else {
            return Ok(());
        };
        self.owner.record_all(self.target, others).await?;
        self.owner.record(self.target, last).await
    }

    /// Returns the writes of buckets that changes owe.
    fn owed_by(&self, part: &[PlannedChange]) -> Vec<Pending> {
        let mut works: Vec<_> = part.iter().flat_map(works).collect();
        let ends = |changes: &[PlannedChange]| changes.last().map(|change| change.scope.clone());
        if self.plan.full
            && ends(part) == ends(&self.plan.changes)
            && let Some(last) = works.last_mut()
        {
            last.completes_full = true;
        }
        works
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

    /// Writes changes together: records the buckets that they owe, writes the configs, and the
    /// buckets. Writes nothing if another apply has begun. Adds the changes that are stored to
    /// `stored`. Returns the change that failed.
    async fn write<'c>(
        &self,
        part: &'c [PlannedChange],
        stored: &mut Vec<&'c PlannedChange>,
    ) -> Result<(), (String, LimitsError)> {
        let has_record = self.still_has_record().await;
        has_record.map_err(|source| (described_part(part), source))?;
        let mut owed = self.owed_by(part);
        for work in &mut owed {
            work.has_map = self.plan.full;
        }
        let recorded = self.owner.record_all(self.target, &owed).await;
        recorded.map_err(|source| (described_part(part), source))?;
        let changes: Vec<_> = part.iter().map(PlannedChange::of_config).collect();
        let written = match self.config.change(&changes).await {
            Ok(true) => {
                stored.extend(part);
                Ok(())
            }
            // A config has changed since the plan was made.
            Ok(false) => self.one_by_one(part, &mut owed, stored).await,
            // Alone, each tells which one is refused.
            Err(error) if part.len() > 1 && is_refusal(&error) => {
                self.one_by_one(part, &mut owed, stored).await
            }
            Err(error) => {
                if is_stored(&error) {
                    stored.extend(part);
                }
                Err((described_part(part), error.into()))
            }
        };
        match written {
            Ok(()) => {
                let released = self.owner.release_all(self.target, &owed).await;
                released.map_err(|source| (described_part(part), source))
            }
            Err(failed) => {
                self.owner.expire_all(self.target, &owed).await;
                Err(failed)
            }
        }
    }

    /// Writes changes one after the other, whatever the configs are now.
    async fn one_by_one<'c>(
        &self,
        part: &'c [PlannedChange],
        owed: &mut Vec<Pending>,
        stored: &mut Vec<&'c PlannedChange>,
    ) -> Result<(), (String, LimitsError)> {
        for change in part {
            let written = self.alone(change, owed).await;
            if written.as_ref().err().is_none_or(is_stored_midway) {
                stored.push(change);
            }
            written.map_err(|source| (change.to_string(), source))?;
        }
        Ok(())
    }

    /// Writes a change as planned. If the config has changed since then, writes it as it is now,
    /// and all its buckets, which it records first: the plan does not say which of them carry a
    /// difference.
    async fn alone(
        &self,
        change: &PlannedChange,
        owed: &mut Vec<Pending>,
    ) -> Result<(), LimitsError> {
        if self.config.change(&[change.of_config()]).await? {
            return Ok(());
        }
        // It may have been changed by another apply, which has read more than this one.
        self.still_has_record().await?;
        let mut more = all_works(change);
        more.retain(|work| owed.iter().all(|known| known.sort_key() != work.sort_key()));
        owed.extend(more.iter().cloned());
        self.owner.record_all(self.target, &more).await?;
        for _ in 0..ATTEMPTS {
            let now = self.config.get(&change.scope).await?;
            if self.config.change(&[change.since(now)]).await? {
                return Ok(());
            }
        }
        let key = described(&change.scope);
        Err(OpsError::Contended { key }.into())
    }
}

/// Returns the writes of buckets that a change owes.
fn works(change: &PlannedChange) -> Vec<Pending> {
    let kinds = change.owes().into_iter();
    let works = kinds.map(|kind| Pending::new(kind, &change.scope));
    works.collect()
}

/// Returns the writes of buckets that a change owes if it writes all buckets.
fn all_works(change: &PlannedChange) -> Vec<Pending> {
    works(&PlannedChange {
        everywhere: true,
        ..change.clone()
    })
}

/// Describes changes by the first of them.
fn described_part(part: &[PlannedChange]) -> String {
    let first = part.first().map(ToString::to_string).unwrap_or_default();
    match part.len() {
        0 | 1 => first,
        length => format!("{first} and {} more", length - 1),
    }
}

/// Returns true if nothing was written, and the same call will fail again.
fn is_refusal(error: &Error) -> bool {
    match error {
        Error::Invalid(_) => true,
        Error::Unavailable(Unavailable::Store(error)) => error.kind() == StoreErrorKind::Rejected,
        _ => false,
    }
}

/// Returns true if the configs are stored, and only buckets are missing.
fn is_stored(error: &Error) -> bool {
    matches!(error, Error::FanOut(_))
}

fn is_stored_midway(error: &LimitsError) -> bool {
    matches!(error, LimitsError::Library(error) if is_stored(error))
}

/// Returns the time as the record spells it: `2026-01-31T12:00:00.000000+00:00`.
fn timestamp() -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    PRINTER.timestamp_with_offset_to_string(
        &Timestamp::from_microsecond(pending::now().saturating_mul(1000)).unwrap_or_default(),
        Offset::UTC,
    )
}
