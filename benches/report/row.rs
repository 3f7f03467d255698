//! A row of the report.

use serde::Serialize;

use crate::sample::Pair;

/// A figure, its reference, and its target.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) measure: String,
    pub(crate) unit: &'static str,
    pub(crate) ours: Option<f64>,
    pub(crate) reference: Option<f64>,
    /// The ratio of our figure to the reference.
    pub(crate) ratio: Option<f64>,
    pub(crate) goal: Goal,
    pub(crate) note: String,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Measured,
    /// The row cannot be measured on this machine.
    NotHere,
}

/// The target of the ratio or, if there is none, of our figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// No target: the figure is only reported.
    Told,
}

impl Row {
    pub(crate) fn new(measure: impl Into<String>, unit: &'static str, goal: Goal) -> Self {
        let (ours, reference, ratio) = (None, None, None);
        Self {
            measure: measure.into(),
            unit,
            ours,
            reference,
            ratio,
            goal,
            note: String::new(),
            state: State::Measured,
        }
    }

    pub(crate) fn ours(self, ours: f64) -> Self {
        Self {
            ours: Some(ours),
            ..self
        }
    }

    pub(crate) fn reference(self, reference: f64) -> Self {
        Self {
            reference: Some(reference),
            ..self
        }
    }

    pub(crate) fn ratio(self, ratio: f64) -> Self {
        Self {
            ratio: Some(ratio),
            ..self
        }
    }

    /// Adds a remark, or the reason why there is no figure.
    pub(crate) fn note(self, note: impl Into<String>) -> Self {
        Self {
            note: note.into(),
            ..self
        }
    }

    /// Sets our figure, the reference and the ratio from several rounds.
    pub(crate) fn pair(self, pair: &Pair) -> Self {
        self.ours(pair.ours())
            .reference(pair.reference())
            .ratio(pair.ratio())
    }

    /// Marks the row as not measurable on this machine, with the reason.
    pub(crate) fn not_here(self, why: impl Into<String>) -> Self {
        Self {
            state: State::NotHere,
            ..self
        }
        .note(why)
    }

    /// Returns `true` if the target is reached; `None` if there is no target, or if the row cannot
    /// be measured here.
    pub(crate) fn held(&self) -> Option<bool> {
        match self.state {
            State::Measured => self.margin().map(|margin| margin >= 1.0),
            State::NotHere => None,
        }
    }

    /// Returns how many times better the figure is than its target.
    pub(crate) fn margin(&self) -> Option<f64> {
        let value = self
            .ratio
            .or(self.ours)
            .filter(|_| self.state == State::Measured)?;
        match self.goal {
            // Zero is the best possible figure.
            Goal::AtMost(_) if value == 0.0 => Some(f64::INFINITY),
            Goal::AtMost(most) => Some(most / value),
            Goal::AtLeast(least) => Some(value / least),
            Goal::Told => None,
        }
    }

    pub(crate) fn target(&self) -> Option<String> {
        match self.goal {
            Goal::AtMost(most) => Some(format!("≤ {most}")),
            Goal::AtLeast(least) => Some(format!("≥ {least}")),
            Goal::Told => None,
        }
    }

    pub(crate) fn record(&self) -> Record<'_> {
        Record {
            measure: &self.measure,
            ours: self.ours,
            reference: self.reference,
            unit: self.unit,
            ratio: self.ratio,
            target: self.target(),
            held: self.held(),
            note: &self.note,
        }
    }
}

/// A row in `report.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Record<'a> {
    measure: &'a str,
    ours: Option<f64>,
    reference: Option<f64>,
    unit: &'static str,
    ratio: Option<f64>,
    target: Option<String>,
    held: Option<bool>,
    note: &'a str,
}
