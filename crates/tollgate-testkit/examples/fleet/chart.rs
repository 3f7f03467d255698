//! Draws curves over the size of the fleet as SVG: a panel for each scenario, a line for each mode.
//!
//! The curves are drawn from `fleet.json`, so a change of the drawing needs no new run.

use std::{fmt::Write as _, fs, path::Path};

use serde_json::Value;

use crate::scenario::{MODES, SCENARIOS};

const COLUMNS: usize = 3;
/// The size of a panel, including its title, axis and labels.
const PANEL: (f64, f64) = (262.0, 196.0);
/// The margins of the plotted lines in a panel: left, right, top, bottom.
const INSET: [f64; 4] = [40.0, 74.0, 28.0, 38.0];
const HEAD: f64 = 44.0;

/// Light colours, or dark ones if the reader prefers them. Dashes distinguish the modes without
/// colours.
const STYLE: &str = "\
text{font:12px sans-serif;fill:#1f2328}.title{font-weight:bold;font-size:14px}.panel{font-weight:bold}.small{fill:#59636e}\
.back{fill:#fff}.grid{stroke:#d1d9e0}line,polyline{fill:none}polyline{stroke-width:2}\
.m0{stroke:#0969da}.m1{stroke:#bc4c00;stroke-dasharray:5 3}text.m0{fill:#0969da;stroke:none}text.m1{fill:#bc4c00;stroke:none}\
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}.back{fill:#0d1117}.grid{stroke:#3d444d}\
.m0{stroke:#4493f8}.m1{stroke:#f0883e}text.m0{fill:#4493f8}text.m1{fill:#f0883e}}";

/// A chart: the value of a row, and how it is displayed.
struct Chart {
    name: &'static str,
    title: &'static str,
    /// The minimum top of the axis, so that small differences do not look large.
    least: f64,
    value: fn(&Value) -> f64,
}

const CHARTS: [Chart; 4] = [
    Chart {
        name: "utilisation",
        title: "Lost: percent of what could be granted and was not",
        least: 1.0,
        value: |row| (100.0 - number(row, "/utilisation") * 100.0).max(0.0),
    },
    Chart {
        name: "write-units",
        title: "Write units per second on the hottest item",
        least: 1000.0,
        value: |row| number(row, "/hottest_item_write_units") / number(row, "/seconds"),
    },
    Chart {
        name: "p99",
        title: "99th percentile of a granted request, ms",
        least: 100.0,
        value: |row| number(row, "/grants/p99_ms"),
    },
    Chart {
        name: "no-verdict",
        title: "Requests without a verdict, percent",
        least: 1.0,
        value: |row| number(row, "/no_verdict") * 100.0 / number(row, "/requests").max(1.0),
    },
];

/// Draws the charts of the `fleet.json` that is in `folder`.
pub(crate) fn draw_all(folder: &Path) {
    let text = fs::read_to_string(folder.join("fleet.json")).expect("the folder has a fleet.json");
    let rows: Vec<Value> = serde_json::from_str(&text).expect("rows");
    for chart in CHARTS {
        fs::write(
            folder.join(format!("fleet-{}.svg", chart.name)),
            chart.draw(&rows),
        )
        .expect("the folder takes files");
    }
}

fn number(row: &Value, pointer: &str) -> f64 {
    row.pointer(pointer)
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("a row has {pointer}"))
}

impl Chart {
    fn draw(&self, rows: &[Value]) -> String {
        let scenarios: Vec<&str> = SCENARIOS
            .iter()
            .map(|scenario| scenario.name)
            .filter(|name| rows.iter().any(|row| row["scenario"] == *name))
            .collect();
        let size = (
            PANEL.0 * COLUMNS as f64,
            HEAD + PANEL.1 * scenarios.len().div_ceil(COLUMNS) as f64,
        );
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n\
             <rect class=\"back\" width=\"100%\" height=\"100%\"/>\n<text class=\"title\" x=\"12\" y=\"24\">{}</text>\n",
            size.0, size.1, self.title, self.title
        );
        for (index, scenario) in scenarios.iter().enumerate() {
            let at = (
                PANEL.0 * (index % COLUMNS) as f64,
                HEAD + PANEL.1 * (index / COLUMNS) as f64,
            );
            let _ = writeln!(svg, "<g transform=\"translate({} {})\">", at.0, at.1);
            self.panel(&mut svg, scenario, rows);
            svg.push_str("</g>\n");
        }
        svg + "</svg>\n"
    }

    /// Draws one scenario. Every panel has its own scale, because the values differ by orders of
    /// magnitude.
    fn panel(&self, svg: &mut String, scenario: &str, rows: &[Value]) {
        let of = |mode: &str| -> Vec<(f64, f64)> {
            let rows = rows
                .iter()
                .filter(|row| row["scenario"] == scenario && row["mode"] == mode);
            rows.map(|row| (number(row, "/processes"), (self.value)(row)))
                .collect()
        };
        let curves: Vec<_> = MODES
            .iter()
            .map(|mode| (mode.name, of(mode.name)))
            .collect();
        let points = || curves.iter().flat_map(|(_, curve)| curve);
        let most = points().map(|(size, _)| *size).fold(2.0, f64::max);
        let top = nice(points().map(|(_, value)| *value).fold(self.least, f64::max));
        let [left, right, above, below] = INSET;
        let (end, bottom) = (PANEL.0 - right, PANEL.1 - below);
        let x = |size: f64| left + (end - left) * size.ln() / most.ln();
        let y = |value: f64| bottom - (bottom - above) * value / top;

        let _ = writeln!(
            svg,
            "<text class=\"panel\" x=\"{left}\" y=\"14\">{scenario}</text>"
        );
        for part in 0..=2 {
            let value = top * f64::from(part) / 2.0;
            let y = y(value);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{left}\" x2=\"{end}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
            );
            let (at, middle) = (left - 6.0, y + 4.0);
            let _ = writeln!(
                svg,
                "<text class=\"small\" x=\"{at}\" y=\"{middle:.1}\" text-anchor=\"end\">{value}</text>"
            );
        }
        let mut sizes: Vec<f64> = points().map(|(size, _)| *size).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        for size in &sizes {
            let (x, below) = (x(*size), bottom + 16.0);
            // Short labels do not overlap.
            let label = if *size < 1000.0 {
                size.to_string()
            } else {
                format!("{}k", size / 1000.0)
            };
            let _ = writeln!(
                svg,
                "<text class=\"small\" x=\"{x:.1}\" y=\"{below}\" text-anchor=\"middle\">{label}</text>"
            );
        }
        let (middle, lowest) = ((left + end) / 2.0, bottom + 30.0);
        let _ = writeln!(
            svg,
            "<text class=\"small\" x=\"{middle}\" y=\"{lowest}\" text-anchor=\"middle\">processes</text>"
        );
        for (mode, (_, curve)) in curves.iter().enumerate() {
            let points: Vec<_> = curve
                .iter()
                .map(|(size, value)| format!("{:.1},{:.1}", x(*size), y(*value)))
                .collect();
            let _ = writeln!(
                svg,
                "<polyline class=\"m{mode}\" points=\"{}\"/>",
                points.join(" ")
            );
        }
        let ends: Vec<_> = curves
            .iter()
            .map(|(_, curve)| curve.last().map_or(bottom, |(_, value)| y(*value)))
            .collect();
        let heights = apart(&ends, bottom - 8.0);
        for (mode, (name, _)) in curves.iter().enumerate() {
            let (at, beside) = (end + 8.0, heights[mode] + 4.0);
            let _ = writeln!(
                svg,
                "<text class=\"m{mode}\" x=\"{at}\" y=\"{beside:.1}\">{name}</text>"
            );
        }
    }
}

/// Returns the heights of the lines' labels: beside the ends of the lines, without overlaps, and
/// none below `lowest`.
fn apart(ends: &[f64], lowest: f64) -> Vec<f64> {
    const GAP: f64 = 14.0;
    let mut order: Vec<_> = (0..ends.len()).collect();
    order.sort_by(|one, other| ends[*other].total_cmp(&ends[*one]));
    let mut heights = vec![0.0; ends.len()];
    let mut free = lowest;
    for index in order {
        heights[index] = ends[index].min(free);
        free = heights[index] - GAP;
    }
    heights
}

/// Returns the next greater number that is easy to halve.
fn nice(most: f64) -> f64 {
    let unit = 10f64.powf(most.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 6.0, 8.0, 10.0];
    steps
        .iter()
        .map(|step| step * unit)
        .find(|top| *top >= most)
        .unwrap_or(10.0 * unit)
}
