//! A change of one config.

use std::fmt;

use serde::Serialize;
use tollgate::{
    Limit,
    model::{ConfigScope, StoredConfig},
};

use super::{
    difference::{Difference, differences},
    level::{described, level, target},
    pending::Kind,
};

/// The effect of a change on a config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ChangeAction {
    /// The manifest declares a config that no manifest has declared before.
    Create,
    /// The config differs from the manifest.
    Update,
    /// The manifest no longer declares the config.
    Delete,
}

/// A change of one config.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PlannedChange {
    /// The effect on the config.
    pub action: ChangeAction,
    /// `system`, `resource` or `entity`.
    pub level: &'static str,
    /// `RESOURCE`, `ENTITY/RESOURCE` or `ENTITY/_default_`; `None` for the system.
    pub target: Option<String>,
    /// `false` if the config is stored and no manifest has declared it: the change takes it over,
    /// or prunes it.
    pub managed: bool,
    /// The line of the manifest that declares the config.
    pub line: Option<usize>,
    /// The old and new values.
    pub differences: Vec<Difference>,
    #[serde(skip)]
    pub(super) scope: ConfigScope,
    #[serde(skip)]
    pub(super) old: StoredConfig,
    #[serde(skip)]
    pub(super) new: StoredConfig,
}

impl PlannedChange {
    pub(super) fn new(
        action: ChangeAction,
        scope: ConfigScope,
        old: Option<StoredConfig>,
        new: StoredConfig,
    ) -> Self {
        let old = old.unwrap_or_default();
        let named = target(&scope);
        Self {
            action,
            level: level(&scope),
            target: (!named.is_empty()).then_some(named),
            managed: true,
            line: None,
            differences: differences(&old, &new),
            scope,
            old,
            new,
        }
    }

    /// Returns the writes of buckets that the change owes.
    pub(super) fn owes(&self) -> Vec<Kind> {
        let (old, new) = (&self.old, &self.new);
        let is_entity = self.level == "entity";
        let soft = |config: &StoredConfig| -> Vec<_> {
            let soft = config.limits.iter().filter(|limit| limit.is_soft());
            soft.map(Limit::name).cloned().collect()
        };
        let owed = [
            (old.access != new.access, Kind::Disabled),
            (old.cascade != new.cascade, Kind::Cascade),
            (!is_entity && soft(old) != soft(new), Kind::Soft),
            (is_entity && old.limits != new.limits, Kind::Sync),
        ];
        let owed = owed.into_iter().filter(|(is_owed, _)| *is_owed);
        owed.map(|(_, kind)| kind).collect()
    }
}

impl fmt::Display for PlannedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.action {
            ChangeAction::Create => "+ create",
            ChangeAction::Update => "~ update",
            ChangeAction::Delete => "- delete",
        };
        write!(f, "{words} {}", described(&self.scope))
    }
}
