//! Random histories.

use proptest::prelude::*;
use tollgate::model::{
    BucketState,
    plan::{LedgerDelta, Peers},
};

use super::item::{NAMES, START, bucket, limit, name};

/// Capacity, refill amount and refill period, in millitokens and ms.
pub(super) type Numbers = (i64, i64, i64);

/// The steps of several writers, and the conditions under which they happen. Times in ms.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) first: BucketState,
    /// The time by which each writer's clock is ahead.
    pub(super) clocks: Vec<i64>,
    /// A clock steps by up to this much between two writes.
    pub(super) jumps: i64,
    /// The refill of this many ms may be spent above the capacity.
    pub(super) slack: i64,
    pub(super) peers: Peers,
    /// If true, a Python client's slow write that is refused is tried once more as a fast write.
    pub(super) falls_back: bool,
    pub(super) steps: Vec<Step>,
    /// The largest clock error, and the longest time that a write takes to the store.
    pub(super) clock: i64,
    pub(super) way: i64,
}

/// A step of one writer.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Time since the step before.
    pub(super) pause: i64,
    pub(super) writer: usize,
    pub(super) act: Act,
    pub(super) amounts: [Amounts; 3],
    /// The amount that others are expected to have spent from each limit since the image.
    pub(super) taken: i64,
    pub(super) out: i64,
    pub(super) back: i64,
    pub(super) fate: Fate,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
    Write,
    /// Adds or removes the expiry of the bucket, which moves the anchor.
    Move,
    /// Sets new parameters for some of the limits, in whole tokens.
    Parameters([Option<Numbers>; 3]),
    /// A Python client's fast write, and its slow write.
    Fast,
    Slow,
}

/// The amounts of one limit, in millitokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Amounts {
    pub(super) spend: i64,
    /// The debt that the spend may leave.
    pub(super) debt: i64,
    pub(super) take: i64,
    pub(super) give: i64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    Arrives,
    /// The write does not reach the store.
    LostBefore,
    /// The write is executed, but its answer is lost.
    LostAfter,
}

impl Step {
    /// Returns the amounts that an executed step changes. Python clients only spend.
    pub(super) fn done(&self) -> [Amounts; 3] {
        match self.act {
            Act::Fast | Act::Slow => self.amounts.map(|amounts| Amounts {
                spend: amounts.spend,
                ..Amounts::default()
            }),
            _ => self.amounts,
        }
    }

    /// Returns the changes that the step makes to a bucket.
    pub(super) fn changes(&self, state: &BucketState) -> LedgerDelta {
        let mut changes = LedgerDelta::new();
        for (limit, amounts) in state.limits().iter().zip(&self.amounts) {
            if amounts.spend > 0 {
                changes.reserve(&limit.name, amounts.spend, amounts.debt);
            }
            changes.settle(&limit.name, amounts.take);
            changes.settle(&limit.name, -amounts.give);
        }
        changes
    }
}

/// The writes of Python clients in a history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Python {
    None,
    Slow,
    Both,
}

/// The kinds of steps in a history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) takes: bool,
    pub(super) gives: bool,
    pub(super) batches: bool,
    pub(super) reserves: bool,
    pub(super) parameters: bool,
    pub(super) python: Python,
    /// Percentage of writes that are lost.
    pub(super) lost: u32,
    pub(super) clock: i64,
    pub(super) jumps: i64,
    pub(super) slack: i64,
    pub(super) way: i64,
    pub(super) writers: usize,
    pub(super) steps: usize,
}

/// Spends of three writers.
pub(super) const SPENDS: Kind = Kind {
    takes: false,
    gives: false,
    batches: false,
    reserves: false,
    parameters: false,
    python: Python::None,
    lost: 0,
    clock: 0,
    jumps: 0,
    slack: 0,
    way: 20,
    writers: 3,
    steps: 10,
};

/// Everything that one process does to a bucket.
pub(super) const ALL: Kind = Kind {
    takes: true,
    gives: true,
    batches: true,
    reserves: true,
    ..SPENDS
};

/// Returns small amounts per ms, so that a bucket fills during a history and every remainder
/// matters.
fn small() -> impl Strategy<Value = Numbers> {
    let rates = prop_oneof![
        Just((1, 1)),
        Just((1, 10)),
        Just((3, 7)),
        Just((2, 1)),
        Just((7, 100)),
        Just((1, 100))
    ];
    (prop_oneof![Just(3i64), Just(7), Just(20), Just(50)], rates)
        .prop_map(|(cp, (ra, rp))| (cp, ra, rp))
}

/// Returns whole tokens, of which limits consist.
fn whole() -> impl Strategy<Value = Numbers> {
    const RATES: &[(i64, i64)] = &[
        (1000, 1000),
        (1000, 100),
        (3000, 7000),
        (2000, 1000),
        (7000, 100_000),
        (5000, 60_000),
    ];
    (
        prop_oneof![Just(1000i64), Just(2000), Just(7000), Just(20_000)],
        proptest::sample::select(RATES),
    )
        .prop_map(|(cp, (ra, rp))| (cp, ra, rp))
}

fn limits(kind: Kind) -> BoxedStrategy<Vec<(Numbers, i64, i64)>> {
    let numbers = if kind.parameters {
        whole().boxed()
    } else {
        prop_oneof![3 => small(), 1 => whole()].boxed()
    };
    // Full, half full, empty and in debt.
    let limit = (
        numbers,
        prop_oneof![2 => Just(2i64), 1 => Just(1), 1 => Just(0), 1 => Just(-2)],
        0i64..100_000,
    );
    proptest::collection::vec(
        limit.prop_map(|(numbers, halves, fr)| (numbers, numbers.0 * halves / 2, fr)),
        1..=3,
    )
    .boxed()
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![2 => 1i64..=2, 3 => 1i64..=50, 1 => 1i64..=7000]
}

fn amounts(kind: Kind) -> BoxedStrategy<Amounts> {
    let mut one = vec![(
        4,
        amount()
            .prop_map(|spend| Amounts {
                spend,
                ..Amounts::default()
            })
            .boxed(),
    )];
    if kind.takes {
        one.push((
            2,
            amount()
                .prop_map(|take| Amounts {
                    take,
                    ..Amounts::default()
                })
                .boxed(),
        ));
    }
    if kind.gives {
        one.push((
            2,
            amount()
                .prop_map(|give| Amounts {
                    give,
                    ..Amounts::default()
                })
                .boxed(),
        ));
    }
    if kind.reserves {
        let reserved = (amount(), amount()).prop_map(|(spend, debt)| Amounts {
            spend,
            debt,
            ..Amounts::default()
        });
        one.push((2, reserved.boxed()));
    }
    if kind.batches {
        let some = || prop_oneof![Just(0), amount()];
        let batch = (amount(), some(), some());
        one.push((
            1,
            batch
                .prop_map(|(spend, take, give)| Amounts {
                    spend,
                    take,
                    give,
                    debt: 0,
                })
                .boxed(),
        ));
    }
    proptest::strategy::Union::new_weighted(one).boxed()
}

fn act(kind: Kind) -> BoxedStrategy<Act> {
    let mut acts = vec![(6, Just(Act::Write).boxed()), (2, Just(Act::Move).boxed())];
    if kind.parameters {
        let new = || proptest::option::of(whole());
        acts.push((2, [new(), new(), new()].prop_map(Act::Parameters).boxed()));
    }
    if kind.python == Python::Both {
        acts.push((3, Just(Act::Fast).boxed()));
    }
    if kind.python != Python::None {
        acts.push((5, Just(Act::Slow).boxed()));
    }
    proptest::strategy::Union::new_weighted(acts).boxed()
}

fn step(kind: Kind) -> impl Strategy<Value = Step> {
    let pause = prop_oneof![4 => Just(0i64), 6 => 0i64..10, 3 => 10i64..50, 1 => 0i64..400, 1 => 0i64..6000];
    let all = || prop_oneof![2 => Just(Amounts::default()).boxed(), 3 => amounts(kind)];
    let fate = prop_oneof![
        100 - kind.lost => Just(Fate::Arrives),
        kind.lost.max(1) => Just(if kind.lost > 0 { Fate::LostBefore } else { Fate::Arrives }),
        kind.lost.max(1) => Just(if kind.lost > 0 { Fate::LostAfter } else { Fate::Arrives }),
    ];
    let taken = prop_oneof![3 => Just(0i64), 1 => 0i64..60, 1 => 0i64..3000];
    let way = 0..=kind.way;
    (
        pause,
        0..kind.writers,
        act(kind),
        [amounts(kind), all().boxed(), all().boxed()],
        taken,
        way.clone(),
        way,
        fate,
    )
        .prop_map(
            |(pause, writer, act, amounts, taken, out, back, fate)| Step {
                pause,
                writer,
                act,
                amounts,
                taken,
                out,
                back,
                fate,
            },
        )
}

/// Returns histories of a kind in one of the modes.
pub(super) fn histories(kind: Kind, modes: &'static [Peers]) -> impl Strategy<Value = History> {
    let age = prop_oneof![Just(0i64), Just(1), Just(30), Just(500), 0i64..=5000];
    let clocks = proptest::collection::vec(-kind.clock..=kind.clock, kind.writers);
    let steps = proptest::collection::vec(step(kind), 1..=kind.steps);
    (
        limits(kind),
        age,
        any::<bool>(),
        clocks,
        proptest::sample::select(modes),
        steps,
    )
        .prop_map(move |(limits, age, expires, clocks, peers, steps)| {
            let limits = NAMES
                .into_iter()
                .zip(limits)
                .map(|(text, (numbers, tokens, fr))| {
                    let mut limit = limit(text, tokens, numbers);
                    limit.level.remainder = fr % numbers.2;
                    limit
                });
            let mut first = bucket(age, []).with_limits(limits);
            first.expires_at = expires.then_some(START / 1000 + 8000);
            let Kind {
                jumps,
                slack,
                clock,
                way,
                ..
            } = kind;
            let falls_back = kind.python == Python::Both;
            History {
                first,
                clocks,
                jumps,
                slack,
                peers,
                falls_back,
                steps,
                clock,
                way,
            }
        })
}

/// Returns a change of one limit, for histories written by hand.
pub(super) fn change(limit: &str, amounts: Amounts) -> LedgerDelta {
    let mut changes = LedgerDelta::new();
    if amounts.spend > 0 {
        changes.reserve(&name(limit), amounts.spend, amounts.debt);
    }
    changes.settle(&name(limit), amounts.take);
    changes.settle(&name(limit), -amounts.give);
    changes
}
