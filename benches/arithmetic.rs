//! Benchmarks of the arithmetic of one bucket: refill, wait, planning a write, and the
//! edges of a schedule.

use divan::{Bencher, black_box};
use tollgate::{
    Limit, Limits,
    model::{
        BucketState, Level, LimitState, Parameters, RefillRule, ResetSchedule, WriteId,
        plan::{self, LedgerDelta},
    },
};

fn main() {
    divan::main();
}

fn rule() -> RefillRule {
    Parameters::from(&Limit::per_minute("rpm", 7)).whole()
}

#[divan::bench]
fn refill(bencher: Bencher<'_, '_>) {
    let level = Level::new(1_500, 12_345);
    bencher.bench_local(|| black_box(rule()).refill(black_box(level), black_box(17)));
}

#[divan::bench]
fn wait(bencher: Bencher<'_, '_>) {
    let level = Level::new(-1_500, 12_345);
    bencher.bench_local(|| black_box(rule()).wait(black_box(level), black_box(1_000)));
}

/// Plans a write that only spends.
#[divan::bench(args = [1, 4])]
fn update_spend(bencher: Bencher<'_, '_>, limits: usize) {
    update(bencher, limits, 10);
}

/// Plans a write that also refills, because the last refill was long ago.
#[divan::bench(args = [1, 4])]
fn update_refill_and_spend(bencher: Bencher<'_, '_>, limits: usize) {
    update(bencher, limits, 10_000);
}

fn update(bencher: Bencher<'_, '_>, limits: usize, age: i64) {
    let wanted =
        Limits::new((0..limits).map(|index| Limit::per_minute(format!("limit-{index}"), 100)))
            .unwrap();
    let mut states = Vec::new();
    let mut changes = LedgerDelta::new();
    for limit in wanted.iter() {
        let level = Level::new(50_000, 0);
        let parameters = Parameters::from(limit);
        states.push(LimitState::new(limit.name().clone(), parameters, (0, 1), level, 0).unwrap());
        changes.spend(limit.name(), 1_000);
    }
    let state = BucketState::new(0).with_limits(states);
    let id = WriteId::from_number(1);
    bencher.bench_local(|| {
        plan::update(
            black_box(&state),
            black_box(&changes),
            &wanted,
            black_box(age),
            id.clone(),
        )
    });
}

/// Looks through a year, because the day comes once in four.
#[divan::bench]
fn next_edge_of_a_leap_day(bencher: Bencher<'_, '_>) {
    let resets = ResetSchedule::new(["0 0 29 2 *"], "Africa/Casablanca").unwrap();
    bencher.bench_local(|| black_box(&resets).next_edge(black_box(1_795_910_400_000)));
}
