//! The time by which the rule widens each interval.

use std::{fmt, time::Duration};

use super::{event::Event, mode::Mode, scenario::Scenario};

/// The minimum and the maximum of the slack.
const SLACK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(250));

/// The time that a process may take to send a planned request on a busy machine.
const SCHEDULING: Duration = Duration::from_millis(20);

/// The error of a clock that is corrected by dates of whole seconds.
const DATE: Duration = Duration::from_secs(1);

/// The default lifetime of prefetched tokens.
const AHEAD: Duration = Duration::from_secs(3);

/// The parts of the time by which the rule widens each interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allowance {
    /// The time from the moment for which a write is planned until the store does the write.
    pub way: Duration,
    /// The slack of a bucket that several processes spend from.
    pub slack: Duration,
    /// The error of the processes' clocks.
    pub clock: Duration,
    /// The time for which a process may hold prefetched tokens. It widens the intervals of grants,
    /// but not those of writes.
    pub ahead: Duration,
}

impl Allowance {
    /// Returns the allowance of a scenario. The way is half of the longest round trip plus 20 ms.
    /// The slack is three round trips, at least 100 ms and at most 250 ms, if there are several
    /// processes. The clock error is a second plus a round trip, if a clock is stepped. The
    /// lifetime of prefetched tokens is three seconds.
    pub fn of(scenario: &Scenario) -> Self {
        let farthest = scenario.distances.iter().max().copied().unwrap_or_default();
        let steps = scenario
            .events
            .iter()
            .any(|(_, event)| matches!(event, Event::StepClock { .. }));
        // If a process is killed, it and its replacement count as several processes.
        let alone = scenario.processes == 1
            && !scenario
                .events
                .iter()
                .any(|(_, event)| matches!(event, Event::Kill(_)));
        Self {
            way: farthest / 2 + SCHEDULING,
            slack: if alone {
                Duration::ZERO
            } else {
                (farthest * 3).clamp(SLACK.0, SLACK.1)
            },
            clock: if steps {
                DATE + farthest
            } else {
                Duration::ZERO
            },
            ahead: if scenario.mode == Mode::Prefetch {
                AHEAD
            } else {
                Duration::ZERO
            },
        }
    }

    /// Returns the widening for intervals of writes.
    pub fn of_writes(&self) -> Duration {
        self.way + self.slack + self.clock
    }

    /// Returns the widening for intervals of grants. It includes the way back of the answers.
    pub fn of_grants(&self) -> Duration {
        self.of_writes() + self.way + self.ahead
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            way,
            slack,
            clock,
            ahead,
        } = self;
        write!(
            f,
            "way {way:?}, slack {slack:?}, clock {clock:?}, ahead {ahead:?}"
        )
    }
}
