//! The IAM policies of a stack.

/// A managed IAM policy of a stack.
///
/// The policies of the table reach all namespaces. Those of a namespace reach the one whose id is the
/// caller's principal tag `zael_namespace_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StackPolicy {
    /// Reads, and spends from buckets.
    AcquireOnly,
    /// Reads and changes all data.
    FullAccess,
    /// Reads all data.
    ReadOnly,
    /// Reads one namespace, and spends from its buckets.
    NamespaceAcquire,
    /// Reads and changes all data of one namespace.
    NamespaceFullAccess,
    /// Reads all data of one namespace.
    NamespaceReadOnly,
}

impl StackPolicy {
    /// All policies.
    pub const ALL: [Self; 6] = [
        Self::AcquireOnly,
        Self::FullAccess,
        Self::ReadOnly,
        Self::NamespaceAcquire,
        Self::NamespaceFullAccess,
        Self::NamespaceReadOnly,
    ];

    /// Returns the policy's logical id in the template.
    pub fn logical_id(self) -> &'static str {
        match self {
            Self::AcquireOnly => "AcquireOnlyPolicy",
            Self::FullAccess => "FullAccessPolicy",
            Self::ReadOnly => "ReadOnlyPolicy",
            Self::NamespaceAcquire => "NamespaceAcquirePolicy",
            Self::NamespaceFullAccess => "NamespaceFullAccessPolicy",
            Self::NamespaceReadOnly => "NamespaceReadOnlyPolicy",
        }
    }

    /// Returns the end of the policy's name: `{stack}-{component}`.
    pub fn component(self) -> &'static str {
        match self {
            Self::AcquireOnly => "acq",
            Self::FullAccess => "full",
            Self::ReadOnly => "read",
            Self::NamespaceAcquire => "ns-acq",
            Self::NamespaceFullAccess => "ns-full",
            Self::NamespaceReadOnly => "ns-read",
        }
    }

    /// Returns the template's parameter with the policy's name.
    pub fn name_parameter(self) -> &'static str {
        match self {
            Self::AcquireOnly => "AcquireOnlyPolicyName",
            Self::FullAccess => "FullAccessPolicyName",
            Self::ReadOnly => "ReadOnlyPolicyName",
            Self::NamespaceAcquire => "NamespaceAcquirePolicyName",
            Self::NamespaceFullAccess => "NamespaceFullAccessPolicyName",
            Self::NamespaceReadOnly => "NamespaceReadOnlyPolicyName",
        }
    }
}
