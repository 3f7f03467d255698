//! The level of a load at a time.

use std::time::Duration;

use super::stage::Stage;

/// The level over time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Levels<'a> {
    stages: &'a [Stage],
}

impl<'a> Levels<'a> {
    pub(super) fn new(stages: &'a [Stage]) -> Self {
        Self { stages }
    }

    /// Returns the first time from `now` on at which the level is `level` or more. `None` if it is
    /// never again.
    pub(crate) fn reaches(self, level: f64, now: Duration) -> Option<Duration> {
        let mut begins = Duration::ZERO;
        for stage in self.stages {
            let ends = begins + stage.time;
            if now < ends
                && let Some(at) = in_stage(stage, level, now.saturating_sub(begins))
            {
                return Some(begins + at);
            }
            begins = ends;
        }
        None
    }
}

/// Returns the first time in the stage from `now` on at which it has the level.
fn in_stage(stage: &Stage, level: f64, now: Duration) -> Option<Duration> {
    let current = stage.from + stage.slope() * now.as_secs_f64();
    if current >= level {
        return Some(now);
    }
    if stage.to < level {
        return None;
    }
    let at = Duration::try_from_secs_f64((level - stage.from) / stage.slope()).ok()?;
    (at < stage.time).then_some(at.max(now))
}

#[cfg(test)]
mod tests {
    use super::super::Load;
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn each_user_of_a_ramp_begins_at_its_own_time_and_ends_at_its_own_time() {
        let load = Load::users(10)
            .ramp(seconds(10))
            .lasting(seconds(5))
            .change(0.0, seconds(10));
        let levels = load.levels();
        assert_eq!(levels.reaches(1.0, Duration::ZERO), Some(seconds(1)));
        assert_eq!(levels.reaches(9.0, Duration::ZERO), Some(seconds(9)));
        assert_eq!(levels.reaches(10.0, Duration::ZERO), Some(seconds(10)));
        assert_eq!(levels.reaches(10.0, seconds(12)), Some(seconds(12)));
        assert_eq!(levels.reaches(10.0, seconds(16)), None);
        assert_eq!(levels.reaches(5.0, seconds(19)), Some(seconds(19)));
        assert_eq!(levels.reaches(5.0, seconds(21)), None);
        assert_eq!(levels.reaches(11.0, Duration::ZERO), None);
        assert_eq!(levels.reaches(1.0, seconds(25)), None, "the end");
    }
}
