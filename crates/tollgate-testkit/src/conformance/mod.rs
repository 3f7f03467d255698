//! A conformance suite for implementations of [`Store`]: it shows if a store keeps the rules on
//! which limits rely.
//!
//! Each [`Trial`] writes buckets through the trait alone and compares every answer and every read
//! with what [`Update::holds`], [`Update::apply`], [`Create::bucket`] and [`Split::halve`] say.
//! [`trials`] returns those that a store of the given [`Capabilities`] must pass; [`run`] runs them
//! all.
//!
//! | trials | rule |
//! |---|---|
//! | `create`, `expiry` | a bucket is created once; one that has expired is absent, whether or not it is deleted |
//! | `rows`, `update`, `numbers`, `names` | a write is done completely or not at all; conditions are compared as they are written, up to the ends of an `i64` |
//! | `anchor` | the time up to which tokens are refilled is a condition, and moves only if the write says so |
//! | `guard` | a repeat of a write whose answer was lost is done once |
//! | `lineage`, `stamps` | conditions on what other clients keep in a bucket |
//! | `race` | concurrent writes see each other |
//! | `reference` | random writes do exactly what the reference does |
//! | `transactions` | several buckets change together or not at all |
//! | `shards` | a split neither mints nor loses a millitoken |
//! | `records` | stored limits and entities are found again |
//!
//! The suite sees a store only through the trait. The store's own tests must check that attributes
//! of other clients survive a write, and which [kind of error](tollgate::store::StoreErrorKind) a
//! failed call gets.
//!
//! ```
//! use tollgate::store::MemoryStore;
//! use tollgate_testkit::conformance::{self, Capabilities};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let capabilities = Capabilities::new().with_transactions().with_splits();
//! conformance::run(capabilities, async || MemoryStore::new()).await;
//! # }
//! ```
//!
//! [`Store`]: tollgate::store::Store
//! [`Update::holds`]: tollgate::model::Update::holds
//! [`Update::apply`]: tollgate::model::Update::apply
//! [`Create::bucket`]: tollgate::model::Create::bucket
//! [`Split::halve`]: tollgate::model::Split::halve

mod anchor;
mod capabilities;
mod create;
mod expiry;
mod guard;
mod lineage;
mod names;
mod numbers;
mod race;
mod records;
mod reference;
mod rows;
mod shards;
mod stamps;
mod transactions;
mod trial;
mod update;
pub mod writes;

pub use self::{capabilities::Capabilities, trial::Trial};

use tollgate::store::Store;

/// Returns the trials that a store with these capabilities must pass. Each needs an empty store.
pub fn trials(capabilities: Capabilities) -> Vec<Trial> {
    let mut trials = Vec::new();
    for always in [
        create::trials,
        expiry::trials,
        rows::trials,
        update::trials,
        numbers::trials,
        names::trials,
        anchor::trials,
        guard::trials,
        lineage::trials,
        stamps::trials,
        race::trials,
        reference::trials,
        records::trials,
    ] {
        trials.extend(always());
    }
    if capabilities.transactions {
        trials.extend(transactions::trials());
    }
    if capabilities.splits {
        trials.extend(shards::trials());
    }
    trials
}

/// Runs every trial on an empty store that `make` returns, and prints its name first.
///
/// # Panics
/// If the store breaks a rule. The last name that was printed is that of the trial.
pub async fn run<S: Store>(capabilities: Capabilities, mut make: impl AsyncFnMut() -> S) {
    for trial in trials(capabilities) {
        println!("conformance: {}", trial.name());
        trial.run(&make().await).await;
    }
}
