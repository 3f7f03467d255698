//! Rounds of contestants that take turns.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// How often each has its turn.
const ROUNDS: usize = 301;

/// How long a turn takes, about.
const TURN: Duration = Duration::from_micros(500);

/// Somebody who does one thing over and over.
pub(crate) struct Contestant<'a> {
    name: &'static str,
    act: Box<dyn FnMut(u32) -> Duration + 'a>,
}

impl<'a> Contestant<'a> {
    /// `act` does the thing once.
    pub(crate) fn new<T>(name: &'static str, mut act: impl FnMut() -> T + 'a) -> Self {
        let turn = move |times: u32| {
            let start = Instant::now();
            for _ in 0..times {
                black_box(act());
            }
            start.elapsed()
        };
        Self { name, act: Box::new(turn) }
    }

    /// `act` does the thing once, with an input that is made before the clock starts.
    pub(crate) fn with_input<I, T>(
        name: &'static str,
        mut input: impl FnMut() -> I + 'a,
        mut act: impl FnMut(I) -> T + 'a,
    ) -> Self {
        let turn = move |times: u32| {
            let inputs: Vec<_> = (0..times).map(|_| input()).collect();
            let start = Instant::now();
            for input in inputs {
                black_box(act(input));
            }
            start.elapsed()
        };
        Self { name, act: Box::new(turn) }
    }
}

/// Nanoseconds of each contestant: medians over the rounds.
pub(crate) fn compete<const N: usize>(mut contestants: [Contestant<'_>; N]) -> [f64; N] {
    let times = contestants.each_mut().map(|contestant| {
        let warm = (contestant.act)(1000).max(Duration::from_nanos(1)) / 1000;
        u32::try_from(TURN.as_nanos() / warm.as_nanos().max(1)).unwrap_or(1).clamp(16, 100_000)
    });
    let mut samples = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for (index, contestant) in contestants.iter_mut().enumerate() {
            let taken = (contestant.act)(times[index]);
            samples[index].push(taken.as_nanos() as f64 / f64::from(times[index]));
        }
    }
    let medians = samples.map(|mut samples| {
        samples.sort_by(f64::total_cmp);
        samples[samples.len() / 2]
    });
    for (contestant, median) in contestants.iter().zip(medians) {
        println!("  {:<28} {median:>8.1} ns", contestant.name);
    }
    medians
}

pub(crate) fn ratio(what: &str, ours: f64, theirs: f64, target: f64) {
    let verdict = if ours <= theirs * target { "reached" } else { "missed" };
    println!("  {what}: {:.2} x ({verdict}: at most {target:.1} x)", ours / theirs);
}
