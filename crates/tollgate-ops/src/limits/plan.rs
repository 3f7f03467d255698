//! A plan: the changes that an apply would make.

use serde::Serialize;
use tollgate::model::{ConfigScope, StoredConfig};
use tollgate_manifest::Manifest;

use super::{
    change::{ChangeAction, PlannedChange},
    error::LimitsError,
    level::{described, order},
    live,
    managed::{self, Managed},
    options::PlanOptions,
    owed::OwedFanOut,
    pending::{self, Pending},
    target::Target,
};

/// The changes that an apply of a manifest would make, and what it would leave alone.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// The namespace.
    pub namespace: String,
    /// The changes: the system, resources by name, entities by id and resource.
    pub changes: Vec<PlannedChange>,
    /// The number of configs that are as the manifest declares them.
    pub unchanged: usize,
    /// The number of unchanged configs that no manifest has declared before: an apply records that
    /// they are managed.
    pub adopted: usize,
    /// The configs that are stored, and that no manifest has declared: `resource: gpt-4`.
    pub unmanaged: Vec<String>,
    /// The writes of buckets that earlier applies did not come to.
    pub owed: Vec<OwedFanOut>,
    /// `true` if everything is written, also what does not differ.
    pub full: bool,
    /// `true` if everything was to be written, and the rest of an interrupted apply that did so is
    /// written instead.
    pub resumed: bool,
    #[serde(skip)]
    pub(super) manifest: Manifest,
    #[serde(skip)]
    pub(super) managed: Managed,
    #[serde(skip)]
    pub(super) pending: Vec<Pending>,
}

impl Plan {
    /// Returns true if an apply would write nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.owed.is_empty() && self.has_same_record()
    }

    /// Returns true if the record of managed scopes says what it will say after the apply.
    pub(super) fn has_same_record(&self) -> bool {
        let scopes = self.manifest.entries().iter().map(|entry| &entry.scope);
        self.managed.is_same(&Managed::of(scopes)) && !self.managed.is_claimed()
    }
}

/// Compares a manifest with the table. Writes nothing.
///
/// # Errors
/// [`LimitsError::Namespace`] if the manifest is of another namespace, [`LimitsError::TooMany`] if
/// the record of managed configs would be too large for an apply, and the errors of reads.
///
/// # Cost
/// One round trip for every hundred configs, and one or more for each resource that has configs of
/// entities.
pub async fn plan(
    target: &Target,
    manifest: &Manifest,
    options: PlanOptions,
) -> Result<Plan, LimitsError> {
    let namespace = manifest.namespace().to_string();
    if let Some(limiter) = target.name.as_ref().filter(|name| **name != namespace) {
        return Err(LimitsError::Namespace {
            manifest: namespace,
            limiter: limiter.clone(),
        });
    }
    let (managed, cascades) = managed::read(target).await?;
    if managed.with(manifest).is_too_large() {
        return Err(LimitsError::TooMany);
    }
    let mut pending = pending::read(target).await?;
    pending.extend(cascades.into_iter().map(Pending::old_cascade));
    let declared = manifest.entries().iter().map(|entry| entry.scope.clone());
    let mut scopes: Vec<_> = declared.chain(managed.scopes()).collect();
    scopes.extend(live::listed(target).await?);
    scopes.sort_by_cached_key(order);
    scopes.dedup();
    let stored = live::configs(target, &scopes).await?;
    let resumed = options.full && pending.iter().any(Pending::is_of_full);
    let mut plan = Plan {
        namespace,
        changes: Vec::new(),
        unchanged: 0,
        adopted: 0,
        unmanaged: Vec::new(),
        owed: pending.iter().map(Pending::owed).collect(),
        full: options.full && !resumed,
        resumed,
        manifest: manifest.clone(),
        managed,
        pending,
    };
    for (scope, stored) in scopes.into_iter().zip(stored) {
        plan.compare(scope, stored, options.prune);
    }
    let lines = manifest.entries().iter();
    let lines: std::collections::HashMap<_, _> =
        lines.map(|entry| (&entry.scope, entry.line)).collect();
    for change in &mut plan.changes {
        change.line = lines.get(&change.scope).copied().flatten();
    }
    Ok(plan)
}

impl Plan {
    /// Adds the change of a scope, if there is one.
    fn compare(&mut self, scope: ConfigScope, stored: Option<StoredConfig>, prune: bool) {
        let is_managed = self.managed.contains(&scope);
        let is_stored = stored.is_some();
        let mut change = match (self.manifest.get(&scope), stored) {
            (Some(declared), stored) if stored.as_ref() == Some(declared) && !self.full => {
                self.unchanged += 1;
                self.adopted += usize::from(!is_managed);
                return;
            }
            (Some(declared), stored) => {
                let action = if is_managed {
                    ChangeAction::Update
                } else {
                    ChangeAction::Create
                };
                PlannedChange::new(action, scope, stored, declared.clone())
            }
            (None, None) => return,
            (None, Some(_)) if !is_managed && !prune => {
                self.unmanaged.push(described(&scope));
                return;
            }
            (None, stored) => {
                let nothing = StoredConfig::default();
                PlannedChange::new(ChangeAction::Delete, scope, stored, nothing)
            }
        };
        change.managed = is_managed || !is_stored;
        change.everywhere = self.full;
        self.changes.push(change);
    }
}
