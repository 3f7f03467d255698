//! Writes one picture of each kind and a report of usage into a folder, to look at in a browser.
//!
//! ```text
//! cargo run -p tollgate-ops --example charts -- FOLDER
//! ```

use std::{
    env,
    error::Error,
    fs,
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

use tollgate::{
    Limit,
    model::{UsageSnapshot, UsageWindow},
};
use tollgate_ops::{
    chart::{Axis, Bar, Chart, Series},
    report::UsageReport,
    stream::Gap,
    usage::WindowLength,
};

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

/// Returns a report of 40 entities in three days, of which some hours are missing.
fn report() -> Result<UsageReport, Box<dyn Error>> {
    let mut report = UsageReport::new("Usage of gpt-4", WindowLength::Hour)
        .footer("Stack limits, namespace default. An example.");
    for entity in 0..40_i64 {
        let name = format!("user-{entity}@example.com");
        for hour in (0..72).filter(|hour| (hour + entity) % 11 != 0) {
            let start =
                UNIX_EPOCH + Duration::from_secs(1_769_850_000 + hour.unsigned_abs() * 3600);
            let mut snapshot =
                UsageSnapshot::new(name.parse()?, "gpt-4".parse()?, UsageWindow::Hourly, start);
            let used = 900_000 / (entity + 2) * (3 + (hour * 7 + entity) % 5) / 7;
            snapshot.counters.insert("tpm".parse()?, used);
            snapshot.counters.insert("rpm".parse()?, used / 600);
            if used > 250_000 {
                snapshot.overdrawn.insert("tpm".parse()?, 2);
            }
            report.add(&snapshot);
        }
    }
    for (entity, resource) in report.shown(10) {
        let limits = vec![
            (Limit::per_minute("tpm", 4000), "tpm: 4,000/min".to_owned()),
            (Limit::per_minute("rpm", 60), "rpm: 60/min".to_owned()),
        ];
        report.hold(entity, resource, "resource", limits);
    }
    let nine = 1_769_850_000;
    let gap = Gap {
        from: nine + 40 * 3600,
        to: nine + 46 * 3600,
    };
    report.counted(vec![gap], Some(nine + 72 * 3600));
    Ok(report)
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
    fs::write(folder.join("usage.html"), report()?.page(10))?;
    Ok(())
}
