//! The IAM roles of a stack.

/// An IAM role of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StackRole {
    /// The role of the aggregator function.
    Aggregator,
    /// The role of the provisioner function.
    Provisioner,
    /// The role of services: spends from buckets.
    App,
    /// The role of administrators: changes all data.
    Admin,
    /// The role of dashboards: reads.
    ReadOnly,
}

impl StackRole {
    /// All roles.
    pub const ALL: [Self; 5] = [
        Self::Aggregator,
        Self::Provisioner,
        Self::App,
        Self::Admin,
        Self::ReadOnly,
    ];

    /// Returns the role's logical id in the template.
    pub fn logical_id(self) -> &'static str {
        match self {
            Self::Aggregator => "AggregatorRole",
            Self::Provisioner => "ProvisionerRole",
            Self::App => "AppRole",
            Self::Admin => "AdminRole",
            Self::ReadOnly => "ReadOnlyRole",
        }
    }

    /// Returns the end of the role's name: `{stack}-{component}`.
    pub fn component(self) -> &'static str {
        match self {
            Self::Aggregator => "aggr",
            Self::Provisioner => "prov",
            Self::App => "app",
            Self::Admin => "admin",
            Self::ReadOnly => "read",
        }
    }

    /// Returns the template's parameter with the role's name.
    pub fn name_parameter(self) -> &'static str {
        match self {
            Self::Aggregator => "AggregatorRoleName",
            Self::Provisioner => "ProvisionerRoleName",
            Self::App => "AppRoleName",
            Self::Admin => "AdminRoleName",
            Self::ReadOnly => "ReadOnlyRoleName",
        }
    }
}
