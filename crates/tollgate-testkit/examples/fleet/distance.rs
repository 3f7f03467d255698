//! Processes at a distance from their table: below the limit, near it, and above it.

use std::time::Duration;

use tollgate_testkit::fleet::{Fleet, Latency, Load, Outcome};

const PER_SECOND: f64 = 1000.0;

/// Prints a table of one key with 1000 tokens per second.
pub(crate) fn run(quick: bool) {
    println!("\ndistance: one key, 1000 tokens per second, by the round trip to the store\n");
    println!(
        "| processes | round trip | demand | granted | least share | denied | no verdict | failed writes | writes per \
         grant | p50, p99 in round trips | over-admitted |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let seconds = if quick { 4 } else { 10 };
    for processes in [2, 16, 64] {
        for round_trip in [1, 5, 20, 80] {
            for demand in [0.1, 0.8, 2.0] {
                let round_trip = Duration::from_millis(round_trip);
                let deadline = Duration::from_millis(250).max(round_trip * 4);
                let outcome = Fleet::new(processes)
                    .load(Load::open(PER_SECOND * demand))
                    .latency(Latency::new(round_trip).spread(0.1))
                    .item_writes(100_000.0)
                    .settings(move |builder| builder.deadline(deadline))
                    .warm_up(Duration::from_secs(3))
                    .measure(Duration::from_secs(seconds))
                    .run();
                print(&outcome, round_trip, demand);
            }
        }
    }
}

fn print(outcome: &Outcome, round_trip: Duration, demand: f64) {
    // Above the limit, equal processes get equal shares. Below it, each gets everything that it
    // asks for.
    let mean = outcome.granted as f64 / outcome.processes as f64;
    let share = |process: &tollgate_testkit::fleet::ProcessOutcome| {
        if demand > 1.0 {
            process.granted as f64 / mean
        } else {
            process.granted as f64 / process.requests.max(1) as f64
        }
    };
    let asked = outcome
        .of_processes
        .iter()
        .filter(|process| process.requests > 0);
    let least = asked.map(share).fold(f64::INFINITY, f64::min);
    let trips = |time: Duration| time.as_secs_f64() / round_trip.as_secs_f64();
    println!(
        "| {} | {} ms | {:.0} % | {:.1} % | {:.2} | {} | {} | {:.1} % | {:.2} | {:.1}, {:.1} | {} |",
        outcome.processes,
        round_trip.as_millis(),
        demand * 100.0,
        outcome.utilisation * 100.0,
        least,
        outcome.denied,
        outcome.unavailable,
        outcome.failed_writes() * 100.0,
        (outcome.writes + outcome.lost_races) as f64 / outcome.granted.max(1) as f64,
        trips(outcome.grants.p50),
        trips(outcome.grants.p99),
        outcome.over_admitted + outcome.unpaid,
    );
}
