//! The arrangement of a picture: the plot, and the texts around it.

use super::{
    axis::Kind,
    builder::Chart,
    legend::{self, Entry},
    scale::{Scale, is_drawable, range, widened},
    series::Data,
    stack::{Stack, highest, stacks},
    tick::Tick,
};

/// A level that is this many times as high as all data is left out.
const TOO_HIGH: f64 = 5.0;

/// The height of a row of text.
pub(super) const ROW: f64 = 20.0;

const RIGHT: f64 = 16.0;

/// The room for two rows of labels below the plot.
const BELOW: f64 = 42.0;

/// A picture before it is drawn.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) x: Scale,
    pub(super) y: Scale,
    pub(super) x_ticks: Vec<Tick>,
    pub(super) y_ticks: Vec<Tick>,
    /// The name of the vertical axis: its unit, such as `million tokens`.
    pub(super) unit: String,
    pub(super) legend: Vec<Entry>,
    pub(super) stacks: Vec<Stack<'a>>,
    /// True if bars are too narrow to be drawn one by one.
    pub(super) is_dense: bool,
    /// True if each pixel shows its highest bar.
    pub(super) is_thinned: bool,
    /// True if nothing has a value.
    pub(super) is_empty: bool,
    highest_level: f64,
}

impl<'a> Frame<'a> {
    /// Arranges a chart. A picture that is a document has a heading.
    pub(super) fn new(chart: &'a Chart, width: u32, has_heading: bool) -> Self {
        let width = f64::from(width.max(240));
        let is_narrow = width < 500.0;
        let stacks = stacks(&chart.series);
        let data = Extent::of(chart, &stacks);
        let is_empty = data.is_empty();
        let (least, most) = if is_empty { (0.0, 0.0) } else { data.y };
        let highest_level = most.max(0.0) * TOO_HIGH;
        let most = visible(chart, highest_level, is_empty).fold(most, f64::max);
        let ticks = 5;
        let y_range = range(&chart.y, (least, most), ticks);
        let unscaled = Scale::new(&chart.y, y_range, (0.0, 1.0));
        let (y_ticks, size) = unscaled.ticks(ticks);
        let labels = y_ticks.iter().map(|tick| legend::width_of(&tick.label));
        let left = labels.fold(28.0, f64::max) + 14.0;
        let right = width - RIGHT;
        let x_range = chart.span.unwrap_or_else(|| data.x(chart.x.kind));
        let x = Scale::new(&chart.x, x_range, (left, right));
        let mut x_ticks = x.ticks(if is_narrow { 4 } else { 8 }).0;
        if is_empty && chart.span.is_none() {
            x_ticks.clear();
        }
        let is_shown = |value| is_empty || value <= highest_level;
        let legend = legend::entries(chart, (12.0, right), is_shown);
        let top = if has_heading { 62.0 } else { 30.0 };
        let bottom = top + if is_narrow { 190.0 } else { 230.0 };
        let rows = legend.last().map_or(0, |entry| entry.row + 1);
        let rows = u32::try_from(rows).map_or(0.0, f64::from);
        let narrowest = stacks
            .iter()
            .map(|stack| x.at(stack.to) - x.at(stack.from))
            .fold(f64::INFINITY, f64::min);
        let is_thinned = narrowest < 1.0;
        Self {
            width,
            height: bottom + BELOW + rows * ROW + 8.0,
            left,
            right,
            top,
            bottom,
            x,
            y: Scale::new(&chart.y, y_range, (bottom, top)),
            x_ticks,
            y_ticks,
            unit: format!("{size} {}", chart.y.unit).trim().to_owned(),
            legend,
            is_dense: narrowest < 3.0,
            is_thinned,
            stacks: if is_thinned {
                highest(stacks, &x)
            } else {
                stacks
            },
            is_empty,
            highest_level: if is_empty {
                f64::INFINITY
            } else {
                highest_level
            },
        }
    }

    /// Returns the position below the plot at which a row of the legend is.
    pub(super) fn legend_row(&self, row: usize) -> f64 {
        let row = u32::try_from(row).map_or(0.0, f64::from);
        self.bottom + BELOW + (row + 0.5) * ROW
    }

    /// Returns true if a level is in the picture.
    pub(super) fn has_level(&self, value: f64) -> bool {
        value <= self.highest_level
    }
}

/// Returns the levels that are in the picture.
fn visible(chart: &Chart, highest: f64, is_empty: bool) -> impl Iterator<Item = f64> {
    let levels = chart.levels.iter().map(|(_, value)| *value);
    levels.filter(move |value| is_empty || *value <= highest)
}

/// The ranges of all data.
struct Extent {
    x: (f64, f64),
    /// The least positive x.
    positive: f64,
    y: (f64, f64),
}

impl Extent {
    fn of(chart: &Chart, stacks: &[Stack<'_>]) -> Self {
        let none = (f64::INFINITY, f64::NEG_INFINITY);
        let mut extent = Self {
            x: none,
            positive: f64::INFINITY,
            y: none,
        };
        for stack in stacks {
            let (least, most) = stack.extent();
            extent.add(stack.from, least);
            extent.add(stack.to, most);
        }
        let mut has_marks = false;
        for series in &chart.series {
            if let Data::Line(points) | Data::Marks(points) = &series.data {
                has_marks |= matches!(series.data, Data::Marks(_)) && !points.is_empty();
                for (x, y) in points {
                    extent.add(*x, *y);
                }
            }
        }
        if chart.y.kind == Kind::Linear && !extent.is_empty() {
            extent.y = (extent.y.0.min(0.0), extent.y.1.max(0.0));
        }
        if has_marks {
            // Room for the marks, which are above their points.
            extent.y.1 *= 1.06;
        }
        extent
    }

    fn add(&mut self, x: f64, y: f64) {
        if !is_drawable(x) || !is_drawable(y) {
            return;
        }
        self.x = (self.x.0.min(x), self.x.1.max(x));
        if x > 0.0 {
            self.positive = self.positive.min(x);
        }
        self.y = (self.y.0.min(y), self.y.1.max(y));
    }

    fn is_empty(&self) -> bool {
        self.x.0 > self.x.1
    }

    /// Returns the range of the horizontal axis.
    fn x(&self, kind: Kind) -> (f64, f64) {
        let (from, to) = self.x;
        if self.is_empty() {
            return (1.0, 2.0);
        }
        let from = if kind == Kind::Logarithmic {
            self.positive.min(to.max(1.0))
        } else {
            from
        };
        widened(from, to)
    }
}
