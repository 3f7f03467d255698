//! Random writes, compared with [`Update::holds`] and [`Update::apply`].

use tollgate::{
    model::{
        Anchor, BucketState, Expiry, Guard, Level, LimitState, Line, NewLimit, Parameters,
        ParentLink, TokenChange, Update, WriteId,
    },
    store::{Store, WriteOutcome},
};

use super::{
    trial::trials,
    writes::{NOW, id, key, limit, name, parameters, put},
};

trials! {
    random_writes_do_what_the_reference_does
}

/// The number of random writes.
const WRITES: u32 = 300;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// A generator of random numbers that needs no dependency.
struct Random(u64);

impl Random {
    /// Returns a number below `below`.
    fn below(&mut self, below: u64) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }

    /// Returns `true` in one of `cases` cases.
    fn once_in(&mut self, cases: u64) -> bool {
        self.below(cases) == 0
    }

    /// Returns a number near `middle`, or one of the extreme numbers of tokens in these trials.
    fn near(&mut self, middle: i64) -> i64 {
        match self.below(8) {
            0 => -1_000_000_000,
            1 => 1_000_000_000,
            _ => middle + self.below(3) as i64 - 1,
        }
    }
}

async fn random_writes_do_what_the_reference_does(store: &dyn Store) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut state = put(store, [limit("a", 5_000), limit("b", 5_000)]).await;
    let (mut applied, mut refused) = (0, 0);
    for number in 0..WRITES {
        let update = any_update(&mut random, &state);
        let holds = update.holds(&state);
        if holds {
            update.apply(&mut state).unwrap();
        }
        match store.update(&key(), &update).await.unwrap() {
            WriteOutcome::Applied(after) => {
                assert!(
                    holds,
                    "write {number} must be refused: {update:?}\n{state:?}"
                );
                assert_eq!(
                    sorted(&after),
                    sorted(&state),
                    "after write {number}: {update:?}"
                );
                applied += 1;
            }
            WriteOutcome::Refused(now) => {
                assert!(
                    !holds,
                    "write {number} must be applied: {update:?}\n{state:?}"
                );
                assert_eq!(
                    now.as_ref().map(sorted),
                    Some(sorted(&state)),
                    "write {number} changes nothing: {update:?}"
                );
                refused += 1;
            }
        }
        let read = store.read(&key()).await.unwrap();
        assert_eq!(
            read.as_ref().map(sorted),
            Some(sorted(&state)),
            "read after write {number}"
        );
    }
    assert!(
        applied > WRITES / 10 && refused > WRITES / 10,
        "{applied} applied and {refused} refused prove little"
    );
}

/// Returns the bucket with its limits in the order of their names. A store may have another order.
fn sorted(state: &BucketState) -> BucketState {
    let mut limits = state.limits().to_vec();
    limits.sort_by(|one, other| one.name.cmp(&other.name));
    state.clone().with_limits(limits)
}

fn any_update(random: &mut Random, state: &BucketState) -> Update {
    let mut update = Update::new(id(), NOW + random.below(1_000) as i64);
    let seen = if random.once_in(6) {
        random.near(state.refilled_at)
    } else {
        state.refilled_at
    };
    update.anchor = match random.below(3) {
        0 => Anchor::Free,
        1 => Anchor::Pinned(seen),
        _ => Anchor::Moves {
            seen,
            to: seen + 1 + random.below(9) as i64,
        },
    };
    update.expiry = match random.below(4) {
        0 => Expiry::At(NOW / 1000 + 1_000 + random.below(9) as i64),
        1 => Expiry::Never,
        _ => Expiry::Keep,
    };
    if random.once_in(4) {
        let last = state.last_write.clone().filter(|_| random.once_in(3));
        update.guard = Guard::NotLanded(last.unwrap_or_else(|| WriteId::from_text("another")));
    }
    if random.once_in(4) {
        update.shard_count = Some(if random.once_in(6) { 2 } else { 1 });
    }
    if random.once_in(20) {
        update.lineage = Some(ParentLink::new(
            "org".try_into().unwrap(),
            random.once_in(2),
        ));
    }
    for limit in NAMES {
        match state.limit(&name(limit)) {
            Some(known) if random.once_in(2) => update = update.with_line(any_line(random, known)),
            None if random.once_in(16) => {
                let level = Level::new(random.near(1_000), random.below(1_000) as i64);
                update = update
                    .with_added(NewLimit::new(name(limit), parameters(), level).with_consumed(1));
            }
            _ => {}
        }
    }
    update
}

fn any_line(random: &mut Random, known: &LimitState) -> Line {
    let tokens = known.level.tokens;
    let change = match random.below(4) {
        0 => TokenChange::Set(5_000 + random.below(100) as i64),
        _ => TokenChange::Add(random.below(2_000) as i64 - 1_000),
    };
    let mut line = Line::new(known.name.clone(), change).with_consumed(random.below(5) as i64 - 2);
    // Most conditions hold, so that most writes are applied.
    if random.once_in(3) {
        line.floor = Some(if random.once_in(4) {
            random.near(tokens)
        } else {
            tokens
        });
    }
    if random.once_in(3) {
        line.ceiling = Some(if random.once_in(4) {
            random.near(tokens)
        } else {
            tokens
        });
    }
    let other = Parameters::new(10_000, 1_000 + random.below(3) as i64, 1_000).unwrap();
    if random.once_in(3) {
        line.expected = Some(if random.once_in(4) {
            other
        } else {
            known.parameters
        });
    }
    line.remainder = random.once_in(3).then(|| random.below(1_000) as i64);
    line.parameters = random.once_in(6).then_some(other);
    line
}
