//! The functions of a stack.

/// The field `event` of the line that the aggregator logs, in JSON, for every batch of expired events
/// that it could not archive. The stack's alarm counts these lines.
pub const ARCHIVE_FAILED: &str = "archive_failed";

/// A Lambda function of a stack. Both run the program `tollgate`, which reads the handler's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StackFunction {
    /// Counts usage from the table's stream, and archives the history.
    Aggregator,
    /// Applies manifests of limits.
    Provisioner,
}

impl StackFunction {
    /// Both functions.
    pub const ALL: [Self; 2] = [Self::Aggregator, Self::Provisioner];

    /// Returns the function's logical id in the template.
    pub fn logical_id(self) -> &'static str {
        match self {
            Self::Aggregator => "AggregatorFunction",
            Self::Provisioner => "ProvisionerFunction",
        }
    }

    /// Returns the end of the function's name: `{stack}-{component}`.
    pub fn component(self) -> &'static str {
        match self {
            Self::Aggregator => "aggregator",
            Self::Provisioner => "limits-provisioner",
        }
    }

    /// Returns the handler's name, which tells the program which function it is.
    pub fn handler(self) -> &'static str {
        match self {
            Self::Aggregator => "aggregator",
            Self::Provisioner => "provisioner",
        }
    }
}
