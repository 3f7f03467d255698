//! The simulated scenarios and modes.

use std::time::Duration;

use tollgate::{Limit, limiter::Prefetch};
use tollgate_testkit::fleet::{Fleet, Load};

/// A load for fleets of any size.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// The largest fleet. In a closed load, every process asks as often as it can.
    pub(crate) most: usize,
    pub(crate) fleet: fn(usize) -> Fleet,
}

/// A mode of the limiters.
pub(crate) struct Mode {
    pub(crate) name: &'static str,
    pub(crate) apply: fn(Fleet) -> Fleet,
}

/// The modes that a policy can choose, one per line.
pub(crate) const MODES: &[Mode] = &[
    Mode {
        name: "strict",
        apply: |fleet| fleet,
    },
    Mode {
        name: "prefetch",
        apply: |fleet| fleet.requests(|acquire| acquire.prefetch(Prefetch::new())),
    },
];

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "saturated",
        about: "one key, 1000 tokens per second, asked for 2000 times per second",
        most: 10_000,
        fleet: |processes| Fleet::new(processes).load(Load::open(2000.0)),
    },
    Scenario {
        name: "below",
        about: "one key, 1000 tokens per second, asked for 800 times per second",
        most: 10_000,
        fleet: |processes| Fleet::new(processes).load(Load::open(800.0)),
    },
    Scenario {
        name: "slow",
        about: "one key, 50 tokens per second, asked for 100 times per second",
        most: 10_000,
        fleet: |processes| {
            Fleet::new(processes)
                .limit(Limit::per_second("tokens", 50))
                .load(Load::open(100.0))
        },
    },
    Scenario {
        name: "closed",
        about: "one key, 1000 tokens per second; in each process four tasks that ask again as soon as they may",
        most: 1000,
        fleet: |processes| {
            Fleet::new(processes)
                .load(Load::closed(4))
                .measure(Duration::from_secs(5))
        },
    },
    Scenario {
        name: "zipf",
        about: "1000 keys of 100 tokens per second each, the k-th asked for in proportion to 1 / k, 4000 times per second in all",
        most: 10_000,
        fleet: |processes| {
            let limit = Limit::per_second("tokens", 100);
            Fleet::new(processes)
                .limit(limit)
                .load(Load::open(4000.0).keys(1000, 1.0))
        },
    },
    Scenario {
        name: "unreliable",
        about: "as zipf; 1 % of the writes get no answer, clocks are up to 50 ms off",
        most: 10_000,
        fleet: |processes| {
            let limit = Limit::per_second("tokens", 100);
            let load = Load::open(4000.0).keys(1000, 1.0);
            Fleet::new(processes)
                .limit(limit)
                .load(load)
                .loss(0.01)
                .skew(Duration::from_millis(50))
        },
    },
];
