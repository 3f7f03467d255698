//! The legend: the names of everything that is drawn, in rows.

use super::{builder::Chart, number::compact, series::Data};

/// The width of a character, about, and of a swatch with its gap.
pub(super) const CHARACTER: f64 = 7.6;
const SWATCH: f64 = 22.0;
const GAP: f64 = 18.0;

/// A name with its swatch.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) swatch: Swatch,
    pub(super) text: String,
    pub(super) x: f64,
    pub(super) row: usize,
}

/// The kind of a swatch. Numbers are those of the series.
#[derive(Clone, Debug)]
pub(super) enum Swatch {
    Bar(String),
    Line(usize),
    Mark,
    Level,
    Band,
    None,
}

/// Places the legend between two positions. `drawn` tells which levels are in the picture.
pub(super) fn entries(
    chart: &Chart,
    (left, right): (f64, f64),
    drawn: impl Fn(f64) -> bool,
) -> Vec<Entry> {
    let mut names = Vec::new();
    for (index, series) in chart.series.iter().enumerate() {
        let swatch = match series.data {
            Data::Bars(_) => Swatch::Bar(series.area(index)),
            Data::Line(_) => Swatch::Line(index),
            Data::Marks(_) => Swatch::Mark,
        };
        names.push((swatch, series.name.clone()));
    }
    for (name, value) in &chart.levels {
        let text = format!("{name}: {}", compact(*value));
        if drawn(*value) {
            names.push((Swatch::Level, text));
        } else {
            names.push((Swatch::None, format!("{text} (above the picture)")));
        }
    }
    let mut bands: Vec<&str> = Vec::new();
    for (name, ..) in &chart.bands {
        if !bands.contains(&name.as_str()) {
            bands.push(name);
            names.push((Swatch::Band, name.clone()));
        }
    }
    let (mut x, mut row) = (left, 0);
    let mut entries = Vec::new();
    for (swatch, name) in names {
        let room = if matches!(swatch, Swatch::None) {
            0.0
        } else {
            SWATCH
        };
        let text = fitted(&name, right - left - room);
        let width = room + width_of(&text);
        if x > left && x + width > right {
            x = left;
            row += 1;
        }
        entries.push(Entry {
            swatch,
            text,
            x,
            row,
        });
        x += width + GAP;
    }
    entries
}

/// Returns the width of a text, about.
pub(super) fn width_of(text: &str) -> f64 {
    u32::try_from(text.chars().count()).map_or(0.0, f64::from) * CHARACTER
}

/// Cuts a text to a width, with an ellipsis at its end.
pub(super) fn fitted(text: &str, width: f64) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    for character in text.chars() {
        if width_of(&cut) + 2.0 * CHARACTER > width {
            break;
        }
        cut.push(character);
    }
    cut + "…"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Axis, Series};

    #[test]
    fn names_are_in_rows_and_long_ones_are_cut() {
        let chart = Chart::new("t", Axis::time(), Axis::numbers("tokens"))
            .series(Series::bars("a", Vec::new()))
            .series(Series::line("b".repeat(500), Vec::new()))
            .level("limit", 5000.0)
            .level("floor", 10.0)
            .band("gap", 0.0, 1.0)
            .band("gap", 2.0, 3.0);
        let entries = entries(&chart, (10.0, 310.0), |value| value < 100.0);
        let placed: Vec<_> = entries
            .iter()
            .map(|entry| (entry.row, entry.text.as_str()))
            .collect();
        let long = format!("{}…", "b".repeat(35));
        assert_eq!(
            placed,
            [
                (0, "a"),
                (1, long.as_str()),
                (2, "limit: 5,000 (above the picture)"),
                (3, "floor: 10"),
                (3, "gap")
            ]
        );
        for entry in entries {
            assert!(
                entry.x >= 10.0 && entry.x + width_of(&entry.text) <= 310.0,
                "{entry:?}"
            );
        }
    }
}
