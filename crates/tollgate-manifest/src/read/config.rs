//! The config of a scope: its limits and flags.

use tollgate::{
    Limit, LimitName, Limits,
    model::{Access, InvalidLimits, StoredConfig, StoredOnUnavailable},
};

use super::{
    fields::{Fields, Named},
    reader::Reader,
    scalar::{boolean, shown},
};
use crate::{
    source::Place,
    yaml::{Node, Value},
};

/// The flags that a level has besides limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flags {
    /// The flag of the system.
    OnUnavailable,
    /// The flags of resources and entities.
    AccessAndCascade,
}

impl Flags {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::OnUnavailable => &["limits", "on_unavailable"],
            Self::AccessAndCascade => &["limits", "disabled", "cascade"],
        }
    }

    /// Returns the keys that are refused with a reason.
    fn refused(self) -> &'static [&'static str] {
        match self {
            Self::OnUnavailable => &["disabled", "cascade"],
            Self::AccessAndCascade => &[],
        }
    }

    /// Names the level in faults.
    fn what(self) -> &'static str {
        match self {
            Self::OnUnavailable => "the system",
            Self::AccessAndCascade => "a resource",
        }
    }
}

impl Reader<'_> {
    /// Reads the config whose key is at `key`.
    pub(super) fn config(&mut self, key: Place, node: &Node, flags: Flags) -> Option<StoredConfig> {
        if node.is_null() {
            self.fault(
                key,
                "nothing is declared here: add limits or a flag, or remove it",
            );
            return None;
        }
        let known = self.faults.len();
        let fields = self.fields_besides(node, flags.what(), flags.keys(), flags.refused())?;
        let mut limits = Vec::new();
        for (key, node) in fields.all("limits") {
            limits.extend(self.limits(node, key));
        }
        let mut config = StoredConfig::new(limits);
        if flags == Flags::OnUnavailable {
            self.no_flags(&fields);
            config.on_unavailable = self.on_unavailable(&fields);
        } else {
            config.access = self.access(&fields);
            let cascade = fields.get("cascade").filter(|node| !node.is_null());
            config.cascade = cascade.and_then(|node| self.boolean(node, "cascade"));
        }
        if config == StoredConfig::default() && self.faults.len() == known {
            self.fault(
                key,
                "nothing is declared here: add limits or a flag, or remove it",
            );
        }
        Some(config)
    }

    fn limits(&mut self, node: &Node, key: Place) -> Vec<Limit> {
        let known = self.faults.len();
        let mut zones = Vec::new();
        let named = self.named(node, "limits", |text| LimitName::new(text));
        let declared = named.len();
        let limits = named.into_iter().filter_map(|named| {
            let Named { name, key, value } = named;
            self.limit(name, key, value, &mut zones)
        });
        let limits: Vec<_> = limits.collect();
        if declared > Limits::MOST {
            self.fault(key, InvalidLimits::TooMany(declared).to_string());
        }
        if let Some((first, _)) = zones.first() {
            for (zone, place) in zones.iter().filter(|(zone, _)| zone != first) {
                let (first, zone) = (first.as_str().into(), zone.as_str().into());
                self.fault(*place, InvalidLimits::Zones(first, zone).to_string());
            }
        }
        if declared > 0
            && self.faults.len() == known
            && let Err(error) = Limits::new(limits.iter().cloned())
        {
            self.fault(key, error.to_string());
        }
        limits
    }

    fn no_flags(&mut self, fields: &Fields<'_>) {
        for flag in ["disabled", "cascade"] {
            if let Some(place) = fields.key(flag) {
                let problem =
                    format!("the system has no `{flag}`: set it for a resource or an entity");
                self.fault(place, problem);
            }
        }
    }

    fn on_unavailable(&mut self, fields: &Fields<'_>) -> Option<StoredOnUnavailable> {
        let node = fields
            .get("on_unavailable")
            .filter(|node| !node.is_null())?;
        match &node.value {
            Value::Scalar { text, .. } if text == "allow" => Some(StoredOnUnavailable::Allow),
            Value::Scalar { text, .. } if text == "block" => Some(StoredOnUnavailable::Block),
            _ => {
                let problem = format!("on_unavailable must be allow or block, not {}", shown(node));
                self.fault(node.place, problem);
                None
            }
        }
    }

    fn access(&mut self, fields: &Fields<'_>) -> Option<Access> {
        let node = fields.get("disabled").filter(|node| !node.is_null())?;
        match (boolean(node), &node.value) {
            (Some(true), _) => Some(Access::Disabled),
            (Some(false), _) => Some(Access::Enabled),
            (None, Value::Scalar { text, .. }) if text == "bypass" => Some(Access::Bypassed),
            _ => {
                let problem = format!(
                    "disabled must be true, false or bypass, not {}",
                    shown(node)
                );
                self.fault(node.place, problem);
                None
            }
        }
    }
}
