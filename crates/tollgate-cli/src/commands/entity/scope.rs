//! The scope of an entity's own limits.

use std::{fmt, str::FromStr};

use clap::Args;
use tollgate::{
    EntityId, Resource,
    model::{ConfigScope, InvalidName},
};

use crate::{
    commands::flags::{self, FlagChange},
    context::Context,
    failure::Failure,
};

/// The table's word for all resources.
pub(super) const ALL: &str = "_default_";

/// The arguments that name the scope.
#[derive(Debug, Args)]
pub(crate) struct EntityScope {
    /// Entity
    pub(super) entity: EntityId,
    /// Resource; `_default_` for all
    #[arg(long, short = 'r', default_value_t, value_name = "RESOURCE")]
    pub(super) resource: ResourceOrAll,
}

impl EntityScope {
    /// Changes a flag of the scope.
    pub(super) async fn change(
        self,
        context: &mut Context,
        change: FlagChange,
    ) -> Result<(), Failure> {
        let whose = format!("entity '{}'", self.entity);
        let scope = self.resource.scope(self.entity);
        flags::change(context, &scope, change, &whose).await
    }
}

/// A resource, or `_default_` for all of them.
#[derive(Clone, Debug, Default)]
pub(super) enum ResourceOrAll {
    #[default]
    All,
    One(Resource),
}

impl ResourceOrAll {
    /// Returns the resource; `None` for all.
    pub(super) fn resource(&self) -> Option<Resource> {
        match self {
            Self::All => None,
            Self::One(resource) => Some(resource.clone()),
        }
    }

    /// Returns the scope of the limits of `entity`.
    pub(super) fn scope(self, entity: EntityId) -> ConfigScope {
        match self {
            Self::All => ConfigScope::Entity(entity),
            Self::One(resource) => ConfigScope::EntityResource(entity, resource),
        }
    }
}

impl fmt::Display for ResourceOrAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str(ALL),
            Self::One(resource) => resource.fmt(f),
        }
    }
}

impl FromStr for ResourceOrAll {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text == ALL {
            return Ok(Self::All);
        }
        text.parse().map(Self::One)
    }
}
