//! The time by which the interval of the rule is widened.

use std::{fmt, time::Duration};

use super::{event::Event, mode::Mode, scenario::Scenario};

/// The least and the most of the slack.
const SLACK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(250));

/// How long a process may take to send a request that it has planned, on a busy machine.
const SCHEDULING: Duration = Duration::from_millis(20);

/// The error of a clock that is corrected by dates of whole seconds.
const DATE: Duration = Duration::from_secs(1);

/// The default lifetime of tokens that were taken ahead.
const AHEAD: Duration = Duration::from_secs(3);

/// The parts of the time by which the rule widens each interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allowance {
    /// The time from the moment for which a write is planned until the store does it.
    pub way: Duration,
    /// The slack of a bucket that several processes spend from.
    pub slack: Duration,
    /// The error of the processes' clocks.
    pub clock: Duration,
    /// The time that tokens may be held by a process that has taken them ahead. It widens the intervals of
    /// grants, not those of writes.
    pub ahead: Duration,
}

impl Allowance {
    /// The allowance of a scenario: half of the longest round trip and 20 ms on the way; three round trips as
    /// slack, at least 100 ms and at most 250 ms, if there are several processes; a second and a round trip for
    /// clocks, if one is stepped; three seconds for tokens that are taken ahead.
    pub fn of(scenario: &Scenario) -> Self {
        let farthest = scenario.distances.iter().max().copied().unwrap_or_default();
        let steps = scenario.events.iter().any(|(_, event)| matches!(event, Event::StepClock { .. }));
        // A killed process and the one in its place are several.
        let alone =
            scenario.processes == 1 && !scenario.events.iter().any(|(_, event)| matches!(event, Event::Kill(_)));
        Self {
            way: farthest / 2 + SCHEDULING,
            slack: if alone { Duration::ZERO } else { (farthest * 3).clamp(SLACK.0, SLACK.1) },
            clock: if steps { DATE + farthest } else { Duration::ZERO },
            ahead: if scenario.mode == Mode::Prefetch { AHEAD } else { Duration::ZERO },
        }
    }

    /// The widening of intervals of writes.
    pub fn of_writes(&self) -> Duration {
        self.way + self.slack + self.clock
    }

    /// The widening of intervals of grants: their answers take the way back, too.
    pub fn of_grants(&self) -> Duration {
        self.of_writes() + self.way + self.ahead
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { way, slack, clock, ahead } = self;
        write!(f, "way {way:?}, slack {slack:?}, clock {clock:?}, ahead {ahead:?}")
    }
}
