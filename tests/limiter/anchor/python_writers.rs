//! Writes of this crate and of Python clients on one bucket. The tests check how much Python
//! clients lose by an anchor that stays. If several Python clients write, they already grant too
//! much, because their fast writes do not check the capacity.

use proptest::prelude::*;
use tollgate::model::plan::Peers::{self, Present, Unknown};

use super::{
    history::{ALL, Kind, Python, SPENDS, histories},
    hold,
    oracle::worst,
};

/// Tries histories in a mode. A bucket may lose at most `lost`, a function of its capacity.
fn beside(kind: Kind, mode: &'static [Peers], lost: fn(i64) -> i64) {
    hold(histories(kind, mode), |history| {
        let largest = history
            .first
            .limits()
            .iter()
            .map(|limit| limit.rule_at(0).capacity())
            .max()
            .unwrap();
        let worst = worst(&history);
        prop_assert!(worst.loss <= lost(largest), "{worst:?}");
        Ok(())
    });
}

const MIXED: Kind = Kind {
    python: Python::Both,
    ..SPENDS
};

/// The first race with an unknown Python client loses at most the tokens of one full bucket.
#[test]
fn a_race_with_an_unknown_python_client_costs_a_bucket_at_most() {
    beside(MIXED, &[Unknown], |capacity| capacity);
}

#[test]
fn no_token_is_lost_beside_a_known_python_client() {
    beside(MIXED, &[Present], |_| 0);
}

#[test]
fn no_settlement_is_lost_beside_a_known_python_client() {
    beside(
        Kind {
            python: Python::Both,
            reserves: false,
            ..ALL
        },
        &[Present],
        |_| 0,
    );
}

/// A slow write has no floor if its refill covers its spend. In this mode it finds no debt. The
/// histories have no fallback to fast writes: a fast write that finds refill above the capacity
/// spends it.
#[test]
fn no_request_is_granted_too_early_beside_slow_writes_of_a_known_python_client() {
    let kind = Kind {
        python: Python::Slow,
        way: 2,
        ..SPENDS
    };
    hold(histories(kind, &[Present]), |history| {
        let worst = worst(&history);
        prop_assert_eq!(worst.excess, 0, "{:?}", worst);
        Ok(())
    });
}
