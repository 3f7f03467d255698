//! Writes one picture of each kind into a folder, to look at in a browser.
//!
//! ```text
//! cargo run -p tollgate-ops --example charts -- FOLDER
//! ```

use std::{env, error::Error, fs, path::PathBuf};

use tollgate_ops::chart::{Axis, Bar, Chart, Series};

/// 2026-01-31T09:00:00Z.
const NINE: f64 = 1_769_850_000.0;

const HOUR: f64 = 3600.0;

fn hours(count: u32, height: impl Fn(f64) -> f64) -> Vec<Bar> {
    let bar = |hour| {
        let from = NINE + HOUR * f64::from(hour);
        Bar::new(from, from + HOUR, height(f64::from(hour)).round())
    };
    (0..count).map(bar).collect()
}

fn usage() -> Chart {
    let day = |hour: f64| 21_000.0 + 17_000.0 * (hour / 24.0 * std::f64::consts::TAU).sin();
    Chart::new("tpm of user-1", Axis::time(), Axis::numbers("tokens"))
        .series(Series::bars("used", hours(72, day)))
        .series(Series::marks(
            "overdrawn",
            vec![(NINE + 30.5 * HOUR, day(30.0))],
        ))
        .level("limit", 30_500.0)
        .band("records missing", NINE + 40.0 * HOUR, NINE + 47.0 * HOUR)
}

fn entities() -> Chart {
    let mut chart = Chart::new(
        "tpm of gpt-4 by entity",
        Axis::time(),
        Axis::numbers("tokens"),
    );
    for index in 0..6_u32 {
        let bars = hours(40, |hour| {
            2e8 / f64::from(index + 1) * (1.2 + (hour / 7.0 + f64::from(index)).cos())
        });
        chart = chart.series(Series::bars(format!("user-{index}@example.com"), bars));
    }
    chart
}

fn latency() -> Chart {
    let mut chart = Chart::new("Latency", Axis::time(), Axis::logarithmic("ms"));
    for (name, factor) in [("p50", 1.0), ("p90", 2.5), ("p99", 9.0), ("p99.9", 60.0)] {
        let point = |second: u32| {
            let missing = (50..60).contains(&second);
            let wave = 1.6 + (f64::from(second) / 9.0 * factor).sin();
            (
                NINE + f64::from(second),
                if missing { f64::NAN } else { wave * factor },
            )
        };
        chart = chart.series(Series::line(name, (0..120).map(point).collect()));
    }
    chart.level("target", 100.0)
}

fn histogram() -> Chart {
    let class = |index: i32| {
        let from = 1.25_f64.powi(index);
        let spread = f64::from(index - 12);
        Bar::new(
            from,
            from * 1.25,
            (40_000.0 * (-spread * spread / 18.0).exp()).round(),
        )
    };
    Chart::new(
        "Requests by latency",
        Axis::logarithmic("ms"),
        Axis::numbers("requests"),
    )
    .series(Series::bars("requests", (0..30).map(class).collect()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("the folder is missing")?);
    fs::create_dir_all(&folder)?;
    let many =
        Chart::new("A year of hours", Axis::time(), Axis::numbers("tokens")).series(Series::bars(
            "used",
            hours(8760, |hour| {
                50.0 + 50.0 * (hour / 400.0).sin() * (hour / 3.8).sin()
            }),
        ));
    let charts = [
        ("usage", usage()),
        ("entities", entities()),
        ("latency", latency()),
        ("histogram", histogram()),
        ("many", many),
        (
            "one",
            Chart::new("One hour", Axis::time(), Axis::numbers("tokens"))
                .series(Series::bars("used", hours(1, |_| 3.0))),
        ),
        (
            "none",
            Chart::new("Nothing", Axis::time(), Axis::numbers("tokens")),
        ),
    ];
    for (name, chart) in charts {
        for width in [340, 760] {
            fs::write(folder.join(format!("{name}-{width}.svg")), chart.svg(width))?;
        }
    }
    Ok(())
}
