//! Scenarios that are chosen by a seed.

use std::time::Duration;

use tollgate_testkit::processes::{Demand, Event, Mode, Scenario};

use crate::options::Options;

/// The possible distances, ms.
const DISTANCES: [u64; 5] = [0, 1, 5, 20, 80];

/// Returns the scenario of a seed, with the number of processes, the limit and the time of the
/// options.
pub(crate) fn scenario(options: &Options, seed: u64) -> Scenario {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut distance = || Duration::from_millis(DISTANCES[random.usize(..DISTANCES.len())]);
    let distances: Vec<Duration> = (0..options.processes).map(|_| distance()).collect();
    let part = [0.1, 0.8, 2.0][random.usize(..3)];
    let rate = part * options.limit as f64 / options.cost.max(1) as f64;
    let demand = if random.bool() {
        Demand::open(rate)
    } else {
        Demand::closed()
    };
    let mut scenario = options
        .scenario()
        .distances(distances)
        .tasks(random.usize(1..=options.tasks.max(2)))
        .demand(demand)
        .mode(Mode::ALL[random.usize(..Mode::ALL.len())])
        .seed(seed);
    let mut at = || options.time.mul_f64(random.f64());
    let times = [at(), at(), at(), at()];
    if random.bool() {
        scenario = scenario.event(times[0], Event::Kill(random.usize(..options.processes)));
    }
    if random.bool() {
        scenario = scenario.event(
            times[1],
            Event::RestartEngine(Duration::from_millis(random.u64(1..500))),
        );
    }
    if random.bool() {
        let (process, ahead) = (
            random.usize(..options.processes),
            random.i64(-7_200_000..=7_200_000),
        );
        scenario = scenario
            .event(times[2].min(times[3]), Event::StepClock { process, ahead })
            .event(
                times[2].max(times[3]),
                Event::StepClock { process, ahead: 0 },
            );
    }
    println!("{scenario:?}");
    scenario
}
