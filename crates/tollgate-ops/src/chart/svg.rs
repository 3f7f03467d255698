//! Pictures as SVG.

use maud::{Markup, PreEscaped, html};

use super::{
    axis::Kind,
    builder::Chart,
    frame::{Frame, ROW},
    legend::{Entry, Swatch, fitted, width_of},
    number::compact,
    shapes::{self, at},
    style::{self, STYLE},
    tick::Tick,
};

impl Chart {
    /// Draws the chart as an SVG document with its style. The height follows from the width: 760 is
    /// for a page, 340 for a phone.
    pub fn svg(&self, width: u32) -> String {
        document(self, width)
    }

    /// Draws the chart for a page that has [`STYLE`](super::STYLE), and a heading of its own.
    pub fn inline_svg(&self, width: u32) -> String {
        element(self, width)
    }
}

/// Draws a document with its style and a heading.
fn document(chart: &Chart, width: u32) -> String {
    let frame = Frame::new(chart, width, true);
    let inner = html! {
        // The style is ours, and has nothing that must be escaped.
        style { (PreEscaped(STYLE)) }
        rect class="paper" width=(at(frame.width)) height=(at(frame.height)) {}
        text class="title" x="12" y="26" { (fitted(&chart.title, (frame.width - 24.0) * 0.85)) }
    };
    picture(chart, &frame, &inner)
}

/// Draws a picture that is part of a page.
fn element(chart: &Chart, width: u32) -> String {
    picture(chart, &Frame::new(chart, width, false), &html! {})
}

fn picture(chart: &Chart, frame: &Frame<'_>, before: &Markup) -> String {
    let (width, height) = (at(frame.width), at(frame.height));
    let picture = html! {
        svg xmlns="http://www.w3.org/2000/svg" class="tollgate-chart" role="img" width=(width) height=(height)
            viewBox={ "0 0 " (width) " " (height) } {
            title { (chart.title) }
            desc { (chart.description) }
            (before)
            (axes(chart, frame))
            (shapes::draw(chart, frame))
            (levels(chart, frame))
            @for entry in &frame.legend { (legend(entry, frame.legend_row(entry.row))) }
            @if frame.is_empty {
                text class="faint" text-anchor="middle" x=(at((frame.left + frame.right) / 2.0))
                    y=(at((frame.top + frame.bottom) / 2.0)) { "no data" }
            }
        }
    };
    picture.into_string()
}

fn axes(chart: &Chart, frame: &Frame<'_>) -> Markup {
    let (left, right) = (at(frame.left), at(frame.right));
    let zero = frame.y.at(0.0).clamp(frame.top, frame.bottom);
    html! {
        @for (_, from, to) in &chart.bands {
            @let (from, to) = (frame.x.at(*from), frame.x.at(*to));
            rect class="band" x=(at(from)) y=(at(frame.top)) width=(at((to - from).max(2.0)))
                height=(at(frame.bottom - frame.top)) {}
        }
        text class="faint" x="12" y=(at(frame.top - 12.0)) { (frame.unit) }
        @for tick in &frame.y_ticks {
            @let y = frame.y.at(tick.value);
            line class="grid" x1=(left) x2=(right) y1=(at(y)) y2=(at(y)) {}
            text class="faint" text-anchor="end" x=(at(frame.left - 8.0)) y=(at(y + 4.5)) { (tick.label) }
        }
        line class="axis" x1=(left) x2=(right) y1=(at(zero)) y2=(at(zero)) {}
        @for (tick, below) in frame.x_ticks.iter().zip(second_row(frame)) {
            @let x = frame.x.at(tick.value);
            line class="axis" x1=(at(x)) x2=(at(x)) y1=(at(frame.bottom)) y2=(at(frame.bottom + 5.0)) {}
            (label(frame, tick, &tick.label, 19.0))
            (label(frame, tick, below, 36.0))
        }
        @if chart.x.kind == Kind::Time {
            text class="faint" text-anchor="end" x=(right) y=(at(frame.top - 12.0)) { (chart.x.unit) }
        } @else {
            text class="faint" text-anchor="middle" x=(at((frame.left + frame.right) / 2.0))
                y=(at(frame.bottom + 36.0)) { (chart.x.unit) }
        }
    }
}

/// Returns the labels of the second row, without those that would touch the next or the last one.
fn second_row<'a>(frame: &'a Frame<'_>) -> Vec<&'a str> {
    let mut labels: Vec<&str> = frame
        .x_ticks
        .iter()
        .map(|tick| tick.below.as_str())
        .collect();
    let mut last: Option<(usize, f64)> = None;
    for (index, tick) in frame.x_ticks.iter().enumerate() {
        if tick.below.is_empty() {
            continue;
        }
        let x = frame.x.at(tick.value);
        match last {
            // The first label is worth less: the second one tells it by its change.
            Some((before, at)) if x - at < width_of(&tick.below) + 8.0 => {
                let dropped = if before == 0 { before } else { index };
                if let Some(label) = labels.get_mut(dropped) {
                    *label = "";
                }
                if before == 0 {
                    last = Some((index, x));
                }
            }
            _ => last = Some((index, x)),
        }
    }
    labels
}

/// Draws a label below a tick, inside of the picture.
fn label(frame: &Frame<'_>, tick: &Tick, text: &str, below: f64) -> Markup {
    let half = width_of(text) / 2.0;
    let middle = frame
        .x
        .at(tick.value)
        .max(half + 2.0)
        .min(frame.width - half - 2.0);
    html! {
        @if !text.is_empty() {
            text class="faint" text-anchor="middle" x=(at(middle)) y=(at(frame.bottom + below)) { (text) }
        }
    }
}

/// Draws the levels, and the names of those that do not touch each other.
fn levels(chart: &Chart, frame: &Frame<'_>) -> Markup {
    let drawn = chart
        .levels
        .iter()
        .filter(|(_, value)| frame.has_level(*value));
    let mut named: Vec<f64> = Vec::new();
    html! {
        @for (name, value) in drawn {
            @let y = frame.y.at(*value);
            line class="level" x1=(at(frame.left)) x2=(at(frame.right)) y1=(at(y)) y2=(at(y)) {
                title { (name) ": " (compact(*value)) " " (chart.y.unit) }
            }
            @let text = if y - frame.top < ROW { y + 16.0 } else { y - 6.0 };
            @let is_free = named.iter().all(|other| (other - text).abs() >= ROW - 4.0);
            @if is_free {
                @let () = named.push(text);
                text class="level-name" text-anchor="end" x=(at(frame.right - 4.0)) y=(at(text)) {
                    (fitted(name, frame.right - frame.left - 8.0))
                }
            }
        }
    }
}

fn legend(entry: &Entry, y: f64) -> Markup {
    let x = entry.x;
    let text_x = if matches!(entry.swatch, Swatch::None) {
        x
    } else {
        x + 22.0
    };
    html! {
        @match &entry.swatch {
            Swatch::Bar(class) => rect class=(class) x=(at(x)) y=(at(y - 6.0)) width="14" height="12" {},
            Swatch::Line(series) => path class=(style::line(*series)) d={ "M" (at(x)) " " (at(y)) "h17" } {},
            Swatch::Mark => path class="mark" d=(shapes::mark(x + 7.0, y + 4.0)) {},
            Swatch::Level => path class="level" d={ "M" (at(x)) " " (at(y)) "h17" } {},
            Swatch::Band => rect class="band" x=(at(x)) y=(at(y - 6.0)) width="14" height="12" {},
            Swatch::None => {}
        }
        text x=(at(text_x)) y=(at(y + 4.5)) { (entry.text) }
    }
}
