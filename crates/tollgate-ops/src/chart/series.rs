//! The data of charts.

use super::{scale::is_drawable, style};

/// The data of one name: bars, a line, or marks.
#[derive(Clone, Debug)]
pub struct Series {
    pub(super) name: String,
    pub(super) data: Data,
    /// True if the colour is grey.
    pub(super) is_rest: bool,
}

/// The shapes of a series.
#[derive(Clone, Debug)]
pub(super) enum Data {
    Bars(Vec<Bar>),
    Line(Vec<(f64, f64)>),
    Marks(Vec<(f64, f64)>),
}

/// A bar: a window of time, or a class of a histogram.
#[derive(Clone, Debug)]
pub struct Bar {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) height: f64,
    pub(super) note: Option<String>,
}

impl Series {
    /// Returns bars. Those of several series that begin at the same place stand on each other. If
    /// they are narrower than a pixel, the highest one is drawn for each pixel.
    pub fn bars(name: impl Into<String>, bars: Vec<Bar>) -> Self {
        Self {
            name: name.into(),
            data: Data::Bars(bars),
            is_rest: false,
        }
    }

    /// Returns a line through points (x, y), from left to right. The line is interrupted by a point
    /// that is not a finite number.
    pub fn line(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.into(),
            data: Data::Line(points),
            is_rest: false,
        }
    }

    /// Returns a mark above each point (x, y).
    pub fn marks(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.into(),
            data: Data::Marks(points),
            is_rest: false,
        }
    }

    /// Draws bars in grey: the rest of something, whose parts are other series.
    pub fn as_rest(mut self) -> Self {
        self.is_rest = true;
        self
    }

    /// Returns the class of the bars' colour. `index` is the position of the series in its chart.
    pub(super) fn area(&self, index: usize) -> String {
        if self.is_rest {
            "rest".to_owned()
        } else {
            style::area(index)
        }
    }
}

impl Bar {
    /// Returns a bar from one value of the horizontal axis to another.
    pub fn new(from: f64, to: f64, height: f64) -> Self {
        Self {
            from,
            to,
            height,
            note: None,
        }
    }

    /// Sets the text that the reader sees when pointing at the bar.
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    pub(super) fn is_drawable(&self) -> bool {
        [self.from, self.to, self.height]
            .into_iter()
            .all(is_drawable)
    }
}
