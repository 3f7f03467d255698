//! The conditions of the template.

use super::intrinsic::{if_else, no_value, reference};
use crate::node::{Node, list, map};

/// Declares the conditions with their logical ids.
macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A condition of the template.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Condition {
            $($(#[$doc])* $name,)*
        }

        impl Condition {
            const ALL: &[Self] = &[$(Self::$name,)*];

            pub(super) fn id(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

conditions! {
    /// The table has the indexes of zae-limiter's template.
    HasPythonIndexes,
    HasRecoveryPeriod,
    IsProtected,
    HasIam,
    HasAccessRoles,
    HasBoundary,
    HasBoundaryArn,
    HasRoleNameFormat,
    HasAggregatorRoleArn,
    HasFunctionCode,
    HasFunctionCodeBucket,
    /// Queue and logs of an aggregator.
    WantsAggregator,
    /// The aggregator has a role, and gets its function when there is code.
    CanAggregate,
    CreatesAggregatorRole,
    HasAggregator,
    WantsProvisioner,
    /// The provisioner has a role, and gets its function when there is code.
    CanProvision,
    HasProvisioner,
    HasCodeBucket,
    HasArchive,
    HasArchiveExpiration,
    IsTraced,
    HasAlarms,
    HasTopic,
    HasAggregatorAlarms,
    HasIdleAlarm,
    HasProvisionerAlarm,
    HasArchiveAlarm,
}

impl Condition {
    fn definition(self) -> Node {
        match self {
            Self::HasPythonIndexes => is_on("EnablePythonIndexes"),
            Self::HasRecoveryPeriod => is_given("PITRRecoveryPeriodDays"),
            Self::IsProtected => is_on("EnableDeletionProtection"),
            Self::HasIam => is_on("EnableIAM"),
            Self::HasAccessRoles => all([is_on("EnableIAMRoles"), Self::HasIam.holds()]),
            Self::HasBoundary => any([
                Self::HasBoundaryArn.holds(),
                is_given("PermissionBoundaryName"),
            ]),
            Self::HasBoundaryArn => is_given("PermissionBoundary"),
            Self::HasRoleNameFormat => is_given("RoleNameFormat"),
            Self::HasAggregatorRoleArn => is_given("AggregatorRoleArn"),
            Self::HasFunctionCode => is_given("FunctionCodeKey"),
            Self::HasFunctionCodeBucket => is_given("FunctionCodeBucket"),
            Self::WantsAggregator => is_on("EnableAggregator"),
            Self::CanAggregate => all([
                Self::WantsAggregator.holds(),
                any([Self::HasIam.holds(), Self::HasAggregatorRoleArn.holds()]),
            ]),
            Self::CreatesAggregatorRole => all([
                Self::WantsAggregator.holds(),
                Self::HasIam.holds(),
                not(Self::HasAggregatorRoleArn.holds()),
            ]),
            Self::HasAggregator => all([Self::CanAggregate.holds(), Self::HasFunctionCode.holds()]),
            Self::WantsProvisioner => is_on("EnableProvisioner"),
            Self::CanProvision => all([Self::WantsProvisioner.holds(), Self::HasIam.holds()]),
            Self::HasProvisioner => {
                all([Self::CanProvision.holds(), Self::HasFunctionCode.holds()])
            }
            Self::HasCodeBucket => all([
                any([Self::CanAggregate.holds(), Self::CanProvision.holds()]),
                not(Self::HasFunctionCodeBucket.holds()),
            ]),
            Self::HasArchive => all([Self::CanAggregate.holds(), is_on("EnableAuditArchival")]),
            Self::HasArchiveExpiration => is_given("AuditArchiveExpirationDays"),
            Self::IsTraced => all([Self::CanAggregate.holds(), is_on("EnableTracing")]),
            Self::HasAlarms => is_on("EnableAlarms"),
            Self::HasTopic => is_given("AlarmSNSTopicArn"),
            Self::HasAggregatorAlarms => {
                all([Self::HasAggregator.holds(), Self::HasAlarms.holds()])
            }
            Self::HasIdleAlarm => {
                all([Self::HasAggregatorAlarms.holds(), is_on("EnableIdleAlarm")])
            }
            Self::HasProvisionerAlarm => {
                all([Self::HasProvisioner.holds(), Self::HasAlarms.holds()])
            }
            Self::HasArchiveAlarm => {
                all([Self::HasAggregatorAlarms.holds(), Self::HasArchive.holds()])
            }
        }
    }

    /// Returns one value if the condition holds, else the other.
    pub(super) fn choose(self, value: Node, otherwise: Node) -> Node {
        if_else(self.id(), value, otherwise)
    }

    /// Returns a value that is left out unless the condition holds.
    pub(super) fn only(self, value: Node) -> Node {
        self.choose(value, no_value())
    }

    /// Returns the condition as a part of another one.
    fn holds(self) -> Node {
        map([("Condition", self.id().into())])
    }
}

/// Returns the conditions: those of [`Condition`], and one for each parameter with a name.
pub(super) fn conditions(name_parameters: impl IntoIterator<Item = &'static str>) -> Node {
    let own = Condition::ALL
        .iter()
        .map(|condition| (condition.id().to_owned(), condition.definition()));
    let names = name_parameters
        .into_iter()
        .map(|parameter| (has_name(parameter), is_given(parameter)));
    Node::Map(own.chain(names).collect())
}

/// Returns the condition that a parameter with a name is given.
pub(super) fn has_name(parameter: &str) -> String {
    format!("Has{parameter}")
}

fn is_on(parameter: &str) -> Node {
    equals(parameter, "true")
}

fn is_given(parameter: &str) -> Node {
    not(equals(parameter, ""))
}

fn equals(parameter: &str, value: &str) -> Node {
    map([("Fn::Equals", list([reference(parameter), value.into()]))])
}

fn not(condition: Node) -> Node {
    map([("Fn::Not", list([condition]))])
}

fn all<const N: usize>(conditions: [Node; N]) -> Node {
    map([("Fn::And", list(conditions))])
}

fn any<const N: usize>(conditions: [Node; N]) -> Node {
    map([("Fn::Or", list(conditions))])
}
