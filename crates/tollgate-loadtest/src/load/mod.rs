//! The load: how many users or arrivals there are at which time.

mod arrivals;
mod level;
mod stage;

use std::time::Duration;

pub(crate) use arrivals::Arrivals;
pub(crate) use level::Levels;
use stage::Stage;

/// The load of a test over time.
///
/// | constructor | loop | next call |
/// |---|---|---|
/// | [`users`](Self::users) | closed | each user begins it when its last call has ended |
/// | [`rate`](Self::rate) | open | begins at its own time, even if all others still wait |
///
/// If the target slows down, users make fewer calls, and arrivals queue up. Services with many
/// clients see arrivals.
#[derive(Clone, Debug)]
pub struct Load {
    kind: Kind,
    stages: Vec<Stage>,
    level: f64,
    pause: Duration,
}

/// The meaning of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Users of a closed loop.
    Users,
    /// Calls a second of an open loop.
    Rate,
}

impl Load {
    /// Returns a closed loop of `users`, without a duration yet.
    pub fn users(users: u32) -> Self {
        Self::new(Kind::Users, f64::from(users))
    }

    /// Returns an open loop of `rate` calls a second, without a duration yet. A rate that is no
    /// number, or below 0, is 0.
    pub fn rate(rate: f64) -> Self {
        Self::new(Kind::Rate, level(rate))
    }

    fn new(kind: Kind, level: f64) -> Self {
        Self {
            kind,
            stages: Vec::new(),
            level,
            pause: Duration::ZERO,
        }
    }

    /// Adds a stage: the level stays for this time.
    pub fn lasting(mut self, time: Duration) -> Self {
        self.stages.push(Stage::new(self.level, self.level, time));
        self
    }

    /// Adds a first stage: the level rises from 0 in this time.
    pub fn ramp(mut self, time: Duration) -> Self {
        let first = self.stages.first().map_or(self.level, |stage| stage.from);
        self.stages.insert(0, Stage::new(0.0, first, time));
        self
    }

    /// Adds a stage: the level changes evenly to `to` in this time.
    pub fn change(mut self, to: f64, time: Duration) -> Self {
        let to = level(to);
        self.stages.push(Stage::new(self.level, to, time));
        self.level = to;
        self
    }

    /// Sets the time that a user of a closed loop pauses after each call. Arrivals of an open loop
    /// do not have it.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Returns the duration of all stages.
    pub fn duration(&self) -> Duration {
        self.stages.iter().map(|stage| stage.time).sum()
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn pause_after_call(&self) -> Duration {
        self.pause
    }

    /// Returns the highest level.
    pub(crate) fn peak(&self) -> f64 {
        let levels = self.stages.iter().map(|stage| stage.from.max(stage.to));
        levels.fold(0.0, f64::max)
    }

    pub(crate) fn levels(&self) -> Levels<'_> {
        Levels::new(&self.stages)
    }

    pub(crate) fn arrivals(&self) -> Arrivals<'_> {
        Arrivals::new(&self.stages)
    }
}

fn level(level: f64) -> f64 {
    if level.is_finite() {
        level.max(0.0)
    } else {
        0.0
    }
}
