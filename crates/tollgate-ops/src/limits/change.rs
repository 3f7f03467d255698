//! A change of one config.

use std::fmt;

use serde::Serialize;
use tollgate::{
    Limit,
    model::{ConfigChange, ConfigScope, StoredConfig},
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
    /// The config that is stored.
    #[serde(skip)]
    pub(super) old: Option<StoredConfig>,
    #[serde(skip)]
    pub(super) new: StoredConfig,
    /// True if all buckets are written, also those that carry no difference.
    #[serde(skip)]
    pub(super) everywhere: bool,
}

impl PlannedChange {
    pub(super) fn new(
        action: ChangeAction,
        scope: ConfigScope,
        old: Option<StoredConfig>,
        new: StoredConfig,
    ) -> Self {
        let named = target(&scope);
        let nothing = StoredConfig::default();
        Self {
            action,
            level: level(&scope),
            target: (!named.is_empty()).then_some(named),
            managed: true,
            line: None,
            differences: differences(old.as_ref().unwrap_or(&nothing), &new),
            scope,
            old,
            new,
            everywhere: false,
        }
    }

    /// Returns the change for the library.
    pub(super) fn of_config(&self) -> ConfigChange {
        let after = (self.action != ChangeAction::Delete).then(|| self.new.clone());
        let mut change = ConfigChange::new(self.scope.clone(), self.old.clone(), after);
        change.everywhere = self.everywhere;
        change
    }

    /// Returns the change of the config as it is now, and of all its buckets. A flag that the plan
    /// does not change stays: somebody may have disabled the scope since then.
    pub(super) fn since(&self, now: Option<StoredConfig>) -> ConfigChange {
        let mut change = self.of_config();
        change.everywhere = true;
        let nothing = StoredConfig::default();
        let (planned, stored) = (
            self.old.as_ref().unwrap_or(&nothing),
            now.as_ref().unwrap_or(&nothing),
        );
        let mut kept = change.after.clone().unwrap_or_default();
        // The system has no flags.
        if self.scope != ConfigScope::System {
            if planned.access == self.new.access {
                kept.access = stored.access;
            }
            if planned.cascade == self.new.cascade {
                kept.cascade = stored.cascade;
            }
        }
        if change.after.is_some() || kept != nothing {
            change.after = Some(kept);
        }
        change.before = now;
        change
    }

    /// Returns the writes of buckets that the change owes.
    pub(super) fn owes(&self) -> Vec<Kind> {
        let nothing = StoredConfig::default();
        let (old, new) = (self.old.as_ref().unwrap_or(&nothing), &self.new);
        let (all, level) = (self.everywhere, self.level);
        let (has_flags, is_entity) = (level != "system", level == "entity");
        let soft = |config: &StoredConfig| -> Vec<_> {
            let soft = config.limits.iter().filter(|limit| limit.is_soft());
            soft.map(Limit::name).cloned().collect()
        };
        let owed = [
            (all && has_flags || old.access != new.access, Kind::Disabled),
            (
                all && has_flags || old.cascade != new.cascade,
                Kind::Cascade,
            ),
            (!is_entity && (all || soft(old) != soft(new)), Kind::Soft),
            (is_entity && (all || old.limits != new.limits), Kind::Sync),
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

#[cfg(test)]
mod tests {
    use tollgate::model::Access;

    use super::*;

    #[test]
    fn a_flag_that_the_plan_does_not_change_stays() {
        let scope = || ConfigScope::resource("api").unwrap();
        let limits = |capacity| StoredConfig::new([Limit::per_minute("rpm", capacity)]);
        let disabled = limits(1).with_access(Access::Disabled);
        let after = |action, old: &StoredConfig, new: StoredConfig| {
            let planned = PlannedChange::new(action, scope(), Some(old.clone()), new);
            let change = planned.since(Some(disabled.clone()));
            assert!(change.everywhere);
            assert_eq!(change.before.as_ref(), Some(&disabled));
            change.after
        };
        let (update, delete) = (ChangeAction::Update, ChangeAction::Delete);
        let kept = limits(2).with_access(Access::Disabled);
        assert_eq!(after(update, &limits(1), limits(2)), Some(kept));
        // The plan removes the flag.
        assert_eq!(after(update, &disabled, limits(2)), Some(limits(2)));
        assert_eq!(after(delete, &disabled, StoredConfig::default()), None);
        // A deletion leaves a flag that somebody has set since then.
        let flag = StoredConfig::default().with_access(Access::Disabled);
        assert_eq!(
            after(delete, &limits(1), StoredConfig::default()),
            Some(flag)
        );
    }
}
