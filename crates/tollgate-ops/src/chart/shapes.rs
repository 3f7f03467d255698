//! The shapes of a chart's data.

use std::fmt::Write;

use maud::{Markup, html};

use super::{
    axis::Kind, builder::Chart, calendar::timestamp, frame::Frame, number::compact,
    scale::is_drawable, series::Data, style,
};

/// Draws all data.
pub(super) fn draw(chart: &Chart, frame: &Frame<'_>) -> Markup {
    html! {
        @if frame.is_dense { (dense(chart, frame)) } @else { (bars(chart, frame)) }
        @for (index, series) in chart.series.iter().enumerate() {
            @match &series.data {
                Data::Bars(_) => {}
                Data::Line(points) => { path class=(style::line(index)) d=(line(points, frame)) {} }
                Data::Marks(points) => {
                    @for (x, y) in points.iter().filter(|(x, y)| is_drawable(*x) && is_drawable(*y)) {
                        path class="mark" d=(mark(frame.x.at(*x), frame.y.at(*y) - 3.0)) {
                            title { (place(chart, *x)) ": " (series.name) }
                        }
                    }
                }
            }
        }
    }
}

/// Draws bars one by one, each with a text that the reader sees when pointing at it.
fn bars(chart: &Chart, frame: &Frame<'_>) -> Markup {
    html! {
        @for stack in &frame.stacks {
            @for part in stack.parts.iter().filter(|part| part.bar.height != 0.0) {
                @let (x, y) = (frame.x.at(stack.from), frame.y.at(part.tip.max(part.base)));
                // A line of light between bars.
                @let width = (frame.x.at(stack.to) - x - 1.0).max(1.0);
                @let height = frame.y.at(part.tip.min(part.base)) - y;
                rect class=(area(chart, part.series)) x=(at(x)) y=(at(y)) width=(at(width)) height=(at(height.max(0.5))) {
                    title {
                        @match &part.bar.note {
                            Some(note) => { (note) }
                            None => {
                                (place(chart, part.bar.from)) ": " (compact(part.bar.height)) " " (chart.y.unit)
                                " (" (name(chart, part.series)) ")"
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Draws all bars of a series as one shape.
fn dense(chart: &Chart, frame: &Frame<'_>) -> Markup {
    let mut shapes = vec![String::new(); chart.series.len()];
    for stack in &frame.stacks {
        let from = frame.x.at(stack.from);
        let to = frame.x.at(stack.to);
        let (from, to) = if frame.is_thinned {
            // Whole pixels: a part of one would be pale.
            (from.floor(), to.floor().max(from.floor() + 1.0))
        } else {
            (from, to)
        };
        for part in stack.parts.iter().filter(|part| part.bar.height != 0.0) {
            if let Some(shape) = shapes.get_mut(part.series) {
                let (base, tip) = (at(frame.y.at(part.base)), at(frame.y.at(part.tip)));
                // Writing to a string cannot fail.
                let _ = write!(shape, "M{} {base}V{tip}H{}V{base}Z", at(from), at(to));
            }
        }
    }
    html! {
        @for (index, shape) in shapes.iter().enumerate().filter(|(_, shape)| !shape.is_empty()) {
            path class=(area(chart, index)) d=(shape) { title { (name(chart, index)) } }
        }
    }
}

/// Returns the path through points, with a dot for a point between two interruptions.
fn line(points: &[(f64, f64)], frame: &Frame<'_>) -> String {
    let mut path = String::new();
    let mut is_open = false;
    for (x, y) in points {
        if !is_drawable(*x) || !is_drawable(*y) {
            is_open = false;
            continue;
        }
        let (x, y) = (at(frame.x.at(*x)), at(frame.y.at(*y)));
        let _ = if is_open {
            write!(path, "L{x} {y}")
        } else {
            write!(path, "M{x} {y}L{x} {y}")
        };
        is_open = true;
    }
    path
}

/// Returns the path of a mark whose tip is at a place.
pub(super) fn mark(x: f64, y: f64) -> String {
    format!("M{} {}l-4.5 -8h9z", at(x), at(y))
}

/// Returns the name of a place on the horizontal axis.
fn place(chart: &Chart, x: f64) -> String {
    match chart.x.kind {
        Kind::Time => timestamp(x).map_or_else(|| compact(x), |time| time.to_string()),
        Kind::Linear | Kind::Logarithmic => format!("{} {}", compact(x), chart.x.unit),
    }
}

fn area(chart: &Chart, series: usize) -> String {
    chart
        .series
        .get(series)
        .map_or_else(String::new, |found| found.area(series))
}

fn name(chart: &Chart, series: usize) -> &str {
    chart.series.get(series).map_or("", |series| &series.name)
}

/// Writes a position to a tenth of a pixel.
pub(super) fn at(position: f64) -> String {
    let text = format!("{position:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}
