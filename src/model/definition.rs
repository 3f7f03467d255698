//! The kind and the numbers of a limit.

use super::{Limit, Parameters, Renewal, Timetable};

/// The kind and the numbers of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    /// Its numbers.
    pub(crate) parameters: Parameters,
    /// The periods of a quota; `None` for a token bucket.
    pub(crate) renewal: Option<Renewal>,
    /// The schedule of its numbers.
    pub(crate) timetable: Option<Timetable>,
}

impl From<&Limit> for Definition {
    fn from(limit: &Limit) -> Self {
        Self {
            parameters: Parameters::from(limit),
            renewal: limit.renewal().cloned(),
            timetable: limit.timetable().cloned(),
        }
    }
}

impl Definition {
    /// Returns the numbers at `now`: epoch ms.
    pub(crate) fn parameters_at(&self, now: i64) -> Parameters {
        match &self.timetable {
            None => self.parameters,
            Some(timetable) => timetable.parameters_at(self.parameters, now),
        }
    }
}
