//! Axes as they are asked for.

/// The axis of a chart: its unit, and how values become positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    pub(super) unit: String,
    pub(super) kind: Kind,
}

/// The rule by which values become positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Time,
    Linear,
    Logarithmic,
}

impl Axis {
    /// Returns an axis of times in UTC. The values are epoch seconds.
    pub fn time() -> Self {
        Self {
            unit: "UTC".to_owned(),
            kind: Kind::Time,
        }
    }

    /// Returns an axis of numbers in a unit, such as `tokens` or `ms`. A vertical one begins at 0,
    /// or below it.
    pub fn numbers(unit: impl Into<String>) -> Self {
        Self {
            unit: unit.into(),
            kind: Kind::Linear,
        }
    }

    /// Returns an axis of positive numbers, on which each power of ten has the same length. Numbers
    /// that are not positive lie at its beginning.
    pub fn logarithmic(unit: impl Into<String>) -> Self {
        Self {
            unit: unit.into(),
            kind: Kind::Logarithmic,
        }
    }
}
