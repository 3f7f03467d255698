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
fn spends_are_exact() {
    exact(SPENDS);
}

#[test]
fn spends_without_latency_are_exact() {
    exact(Kind {
        way: 0,
        steps: 16,
        ..SPENDS
    });
}

#[test]
fn spends_within_the_slack_are_exact() {
    exact(Kind {
        slack: 30,
        ..SPENDS
    });
}

#[test]
fn spends_and_settlements_are_exact() {
    exact(Kind {
        takes: true,
        ..SPENDS
    });
}

#[test]
fn spends_and_give_backs_are_exact() {
    exact(Kind {
        gives: true,
        ..SPENDS
    });
}

#[test]
fn reservations_are_exact() {
    exact(Kind {
        reserves: true,
        gives: true,
        ..SPENDS
    });
}

#[test]
fn writes_of_all_kinds_are_exact() {
    exact(Kind {
        slack: 30,
        clock: 15,
        ..ALL
    });
}

#[test]
fn writes_of_all_kinds_without_latency_are_exact() {
    exact(Kind { way: 0, ..ALL });
}

#[test]
fn writes_of_all_kinds_by_five_writers_are_exact() {
    exact(Kind {
        slack: 30,
        clock: 15,
        writers: 5,
        steps: 25,
        ..ALL
    });
}

#[test]
fn writes_are_exact_if_answers_are_lost() {
    exact(Kind { lost: 15, ..ALL });
}

#[test]
fn writes_are_exact_if_parameters_change() {
    exact(Kind {
        parameters: true,
        ..ALL
    });
}

#[test]
fn writes_are_exact_if_clocks_step() {
    exact(Kind { jumps: 25, ..ALL });
}
