//! Runs fleets of 1 to 10 000 processes against one table, and prints their grants and their cost.
//!
//! ```text
//! cargo run --release -p tollgate-testkit --example fleet -- --quick
//! cargo run --release -p tollgate-testkit --example fleet -- --out docs
//! ```
//!
//! Prints a table for each scenario. `--quick` runs up to 256 processes for a shorter time. `--out`
//! writes `fleet.json` and the curves of `docs/fleet.md` to a folder. `--draw` runs nothing and
//! draws the curves of the `fleet.json` in a folder. Any other word selects the scenarios of that
//! name.

mod chart;
mod distance;
mod report;
mod scenario;

use std::{env, path::PathBuf, time::Duration};

use self::{
    report::Row,
    scenario::{MODES, SCENARIOS},
};

const SIZES: [usize; 7] = [1, 4, 16, 64, 256, 1000, 10_000];

fn main() {
    let (mut quick, mut out, mut only) = (false, None, Vec::new());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => quick = true,
            "--draw" => {
                return chart::draw_all(&PathBuf::from(
                    arguments.next().expect("--draw names a folder"),
                ));
            }
            "--out" => {
                out = Some(PathBuf::from(
                    arguments.next().expect("--out names a folder"),
                ))
            }
            _ => only.push(argument),
        }
    }
    // The warm-up empties the full buckets, even if few requests are served in it.
    let (sizes, warm_up, measure) = if quick {
        (&SIZES[..5], 3, 8)
    } else {
        (&SIZES[..], 10, 20)
    };
    if only.is_empty() || only.iter().any(|name| name == "distance") {
        distance::run(quick);
    }
    let mut rows = Vec::new();
    for scenario in SCENARIOS
        .iter()
        .filter(|scenario| only.is_empty() || only.iter().any(|name| name == scenario.name))
    {
        for mode in MODES {
            report::print_head(scenario, mode);
            for processes in sizes
                .iter()
                .filter(|processes| **processes <= scenario.most)
            {
                let fleet = (mode.apply)((scenario.fleet)(*processes));
                let fleet = fleet
                    .warm_up(Duration::from_secs(warm_up))
                    .measure(Duration::from_secs(measure));
                let outcome = fleet.run();
                let row = Row {
                    scenario: scenario.name,
                    mode: mode.name,
                    outcome,
                };
                report::print(&row);
                rows.push(row);
            }
        }
    }
    if let Some(out) = out {
        report::write_json(&out, &rows);
        chart::draw_all(&out);
    }
    let minted = rows
        .iter()
        .filter(|row| row.outcome.over_admitted + row.outcome.unpaid > 0)
        .count();
    assert_eq!(
        minted, 0,
        "{minted} fleets were granted more than there was"
    );
}
