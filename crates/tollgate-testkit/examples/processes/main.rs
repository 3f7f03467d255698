//! Runs real processes against an engine, disturbs them, and checks their grants.
//!
//! ```text
//! cargo run --release -p tollgate-testkit --example processes --features processes -- \
//!     --processes 4 --tasks 16 --delay 80 --demand 0.8 --limit 1000 --seconds 10 --mode plain --seed 7 \
//!     --kill --restart-engine --step-clock 3600000
//! ```
//!
//! Prints a table, or a line of JSON with `--json`. Fails if tokens were minted or are unaccounted
//! for. With `--soak <seeds>`, it runs one seed after another, each with its own distances, faults
//! and mode.

mod options;
mod soak;

use std::process::ExitCode;

use tollgate_testkit::processes::{Report, work_if_told};

use self::options::Options;

fn main() -> ExitCode {
    if work_if_told() {
        return ExitCode::SUCCESS;
    }
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n\n{}", options::USAGE);
            return ExitCode::FAILURE;
        }
    };
    let seeds = options.seed
        ..options
            .seed
            .saturating_add(options.soak.unwrap_or(1).max(1));
    for seed in seeds {
        let scenario = if options.soak.is_some() {
            soak::scenario(&options, seed)
        } else {
            options.scenario()
        };
        let report = scenario.run();
        if options.json {
            println!("{}", report.to_json());
        } else {
            println!("{report}");
        }
        check(&report);
    }
    ExitCode::SUCCESS
}

fn check(report: &Report) {
    report.assert_nothing_minted();
    report.assert_no_refill_lost();
    report.assert_ledger();
}
