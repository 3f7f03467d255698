//! Writes of this crate alone: no history grants too early, mints or loses.

use tollgate::model::plan::Peers::{Absent, Present, Unknown};

use super::{
    history::{ALL, Kind, SPENDS, histories},
    hold,
    oracle::is_exact,
};

fn exact(kind: Kind) {
    hold(histories(kind, &[Absent, Unknown, Present]), |history| {
        is_exact(&history)
    });
}

#[test]
fn spends() {
    exact(SPENDS);
}

#[test]
fn spends_that_take_no_time_to_the_store() {
    exact(Kind {
        way: 0,
        steps: 16,
        ..SPENDS
    });
}

#[test]
fn spends_within_the_slack() {
    exact(Kind {
        slack: 30,
        ..SPENDS
    });
}

#[test]
fn spends_and_settlements() {
    exact(Kind {
        takes: true,
        ..SPENDS
    });
}

#[test]
fn spends_and_what_is_given_back() {
    exact(Kind {
        gives: true,
        ..SPENDS
    });
}

#[test]
fn reservations() {
    exact(Kind {
        reserves: true,
        gives: true,
        ..SPENDS
    });
}

#[test]
fn everything_at_once() {
    exact(Kind {
        slack: 30,
        clock: 15,
        ..ALL
    });
}

#[test]
fn everything_at_once_that_takes_no_time_to_the_store() {
    exact(Kind { way: 0, ..ALL });
}

#[test]
fn everything_of_five_writers() {
    exact(Kind {
        slack: 30,
        clock: 15,
        writers: 5,
        steps: 25,
        ..ALL
    });
}

#[test]
fn answers_that_are_lost() {
    exact(Kind { lost: 15, ..ALL });
}

#[test]
fn parameters_that_change() {
    exact(Kind {
        parameters: true,
        ..ALL
    });
}

#[test]
fn clocks_that_step() {
    exact(Kind { jumps: 25, ..ALL });
}
