//! Curves over the size of the fleet, as SVG.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use tollgate_testkit::fleet::Outcome;

use crate::{
    report::{Row, no_verdict},
    scenario::MODES,
};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
/// Left, right, top, bottom.
const MARGINS: [f64; 4] = [60.0, 170.0, 40.0, 40.0];
const COLOURS: [&str; 6] = ["#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a"];

/// A curve for every scenario and mode: points of fleet size and value.
type Curves<'a> = BTreeMap<String, Vec<(f64, f64)>>;

/// What a curve shows.
type Measure = fn(&Outcome) -> f64;

pub(crate) fn write_all(folder: &Path, rows: &[Row]) {
    let charts: [(&str, &str, Measure); 4] = [
        ("utilisation", "Utilisation, percent of what could be granted", |outcome| outcome.utilisation * 100.0),
        ("write-units", "Write units per second on the hottest item", |outcome| outcome.per_second(outcome.hottest)),
        ("p99", "99th percentile of a granted request, ms", |outcome| outcome.grants.p99.as_millis() as f64),
        ("no-verdict", "Requests without a verdict, percent", no_verdict),
    ];
    for (name, title, value) in charts {
        let mut curves = Curves::new();
        for row in rows {
            let curve = curves.entry(format!("{}, {}", row.scenario, row.mode)).or_default();
            curve.push((row.outcome.processes as f64, value(&row.outcome)));
        }
        fs::write(folder.join(format!("fleet-{name}.svg")), draw(title, &curves)).expect("the folder takes files");
    }
}

fn draw(title: &str, curves: &Curves<'_>) -> String {
    let points = || curves.values().flatten();
    let most_x = points().map(|(x, _)| *x).fold(2.0, f64::max);
    let top = nice(points().map(|(_, y)| *y).fold(1.0, f64::max));
    let [left, right, above, below] = MARGINS;
    let x = |size: f64| left + (WIDTH - left - right) * size.ln() / most_x.ln();
    let y = |value: f64| HEIGHT - below - (HEIGHT - above - below) * value / top;

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\" fill=\"#24292f\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
         <text x=\"{left}\" y=\"22\" font-size=\"14\" font-weight=\"bold\">{title}</text>\n"
    );
    let mut line = |text: std::fmt::Arguments<'_>| {
        let _ = svg.write_fmt(text);
        svg.push('\n');
    };
    for part in 0..=4 {
        let value = top * f64::from(part) / 4.0;
        let (y, end, label) = (y(value), WIDTH - right, left - 8.0);
        line(format_args!("<line x1=\"{left}\" x2=\"{end}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#d0d7de\"/>"));
        line(format_args!("<text x=\"{label}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>", y + 4.0));
    }
    let mut sizes: Vec<f64> = points().map(|(x, _)| *x).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    for size in sizes {
        line(format_args!("<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{size}</text>", x(size), HEIGHT - 22.0));
    }
    let middle = (left + WIDTH - right) / 2.0;
    line(format_args!("<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">processes</text>", HEIGHT - 6.0));
    for (index, (name, curve)) in curves.iter().enumerate() {
        // A colour for each scenario, dashes for the mode.
        let colour = COLOURS[index / MODES.len() % COLOURS.len()];
        let dashes = ["6 4", "none"][index % 2];
        let points: Vec<String> =
            curve.iter().map(|(size, value)| format!("{:.1},{:.1}", x(*size), y(*value))).collect();
        let points = points.join(" ");
        line(format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"/>"
        ));
        let (at, beside) = (WIDTH - right + 14.0, above + 10.0 + 20.0 * index as f64);
        line(format_args!("<rect x=\"{at}\" y=\"{}\" width=\"14\" height=\"3\" fill=\"{colour}\"/>", beside - 5.0));
        line(format_args!("<text x=\"{}\" y=\"{beside}\">{name}</text>", at + 20.0));
    }
    svg + "</svg>\n"
}

/// The next number above that divides well by four.
fn nice(most: f64) -> f64 {
    let unit = 10f64.powf(most.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0];
    steps.iter().map(|step| step * unit).find(|top| *top >= most).unwrap_or(10.0 * unit)
}
