//! The ways to acquire a lease.

/// The way in which a worker makes its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// An acquire that is committed at once.
    Plain,
    /// An acquire with prefetch.
    Prefetch,
    /// An acquire that is settled after a random time, to between 0 and twice its cost.
    Settle,
    /// A request to an axum router behind a `RateLimitLayer`.
    Layer,
    /// An acquire that waits for capacity, for at most a second.
    Waiting,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 5] = [
        Self::Plain,
        Self::Prefetch,
        Self::Settle,
        Self::Layer,
        Self::Waiting,
    ];

    /// Returns the mode's name: `plain`, `prefetch`, `settle`, `layer`, `waiting`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Prefetch => "prefetch",
            Self::Settle => "settle",
            Self::Layer => "layer",
            Self::Waiting => "waiting",
        }
    }

    /// Returns the mode of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}
