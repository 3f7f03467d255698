//! Random histories of writes relative to an anchor that stays. The histories use the real planner,
//! the real memory store as the item, and a perfect bucket to compare with.
//!
//! A history has several writers. Each writer plans from its own image, which may be stale, by its
//! own clock. Its writes take time to the store and back. `TOLLGATE_HISTORIES` sets the number of
//! histories for each property, `TOLLGATE_SEED` their seed.

mod extremes;
mod faults;
mod forced_settlement;
mod history;
mod item;
mod oracle;
mod peers;
mod play;
mod python_writers;
mod soundness;
mod split;

use std::env;

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};

/// The default number of histories for each property.
const HISTORIES: u32 = 1500;

/// Tests a property, and prints the seed if it fails.
fn hold<S: Strategy>(inputs: S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let number = |name| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = number("TOLLGATE_SEED").unwrap_or_else(|| fastrand::u64(..));
    let cases = number("TOLLGATE_HISTORIES").map_or(HISTORIES, |cases| cases.try_into().unwrap());
    let config = Config {
        cases,
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed.to_be_bytes().repeat(4));
    if let Err(error) = TestRunner::new_with_rng(config, rng).run(&inputs, property) {
        panic!("TOLLGATE_SEED={seed}: {error}");
    }
}
