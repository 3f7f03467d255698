//! A chart before it is drawn.

use super::{
    Axis, Series,
    scale::{is_drawable, widened},
};

/// A chart: series over an axis, levels, and bands.
#[derive(Clone, Debug)]
#[must_use = "a chart draws nothing by itself"]
pub struct Chart {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) span: Option<(f64, f64)>,
    pub(super) series: Vec<Series>,
    pub(super) levels: Vec<(String, f64)>,
    pub(super) bands: Vec<(String, f64, f64)>,
}

impl Chart {
    /// Returns an empty chart.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self {
            title: title.into(),
            description: String::new(),
            x,
            y,
            span: None,
            series: Vec::new(),
            levels: Vec::new(),
            bands: Vec::new(),
        }
    }

    /// Sets the text that replaces the picture for readers who cannot see it.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Sets the first and the last value of the horizontal axis. Without it, they are those of the
    /// data.
    pub fn span(mut self, from: f64, to: f64) -> Self {
        if is_drawable(from) && is_drawable(to) {
            self.span = Some(widened(from, to));
        }
        self
    }

    /// Adds a series.
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Adds a level, such as a limit: a dashed line over the whole width. A level that is more than
    /// five times as high as all data is left out of the picture, and the legend says so.
    pub fn level(mut self, name: impl Into<String>, value: f64) -> Self {
        if is_drawable(value) {
            self.levels.push((name.into(), value));
        }
        self
    }

    /// Adds a band over the whole height, from one value of the horizontal axis to another.
    pub fn band(mut self, name: impl Into<String>, from: f64, to: f64) -> Self {
        if is_drawable(from) && is_drawable(to) {
            self.bands.push((name.into(), from, to));
        }
        self
    }
}
