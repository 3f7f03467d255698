//! The ways to ask for a lease.

/// The way in which a worker asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// An acquire, committed at once.
    Plain,
    /// An acquire that takes tokens ahead.
    Prefetch,
    /// An acquire that is settled after a random time, to between none and twice of what it has cost.
    Settle,
    /// A request to an axum router behind a `RateLimitLayer`.
    Layer,
    /// An acquire that waits for capacity, at most a second.
    Waiting,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 5] = [Self::Plain, Self::Prefetch, Self::Settle, Self::Layer, Self::Waiting];

    /// The mode's name: `plain`, `prefetch`, `settle`, `layer`, `waiting`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Prefetch => "prefetch",
            Self::Settle => "settle",
            Self::Layer => "layer",
            Self::Waiting => "waiting",
        }
    }

    /// The mode of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}
