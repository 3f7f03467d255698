//! Writes relative to an anchor that stays, in random histories: the real planner, the real memory store as the
//! item, and a bucket that knows all beside it.
//!
//! A history has several writers. Each plans from an image of its own that may be stale, by a clock of its own,
//! and its writes take their time to the store and back. `TOLLGATE_HISTORIES` says how many histories each
//! property tries, `TOLLGATE_SEED` which.

mod anyway;
mod beside;
mod extremes;
mod faults;
mod history;
mod item;
mod oracle;
mod peers;
mod play;
mod sound;
mod split;

use std::env;

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};

/// How many histories a property tries.
const HISTORIES: u32 = 1500;

/// Tries a property, and says from which seed if it does not hold.
fn hold<S: Strategy>(inputs: S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let number = |name| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = number("TOLLGATE_SEED").unwrap_or_else(|| fastrand::u64(..));
    let cases = number("TOLLGATE_HISTORIES").map_or(HISTORIES, |cases| cases.try_into().unwrap());
    let config = Config { cases, max_shrink_iters: 20_000, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed.to_be_bytes().repeat(4));
    if let Err(error) = TestRunner::new_with_rng(config, rng).run(&inputs, property) {
        panic!("TOLLGATE_SEED={seed}: {error}");
    }
}
