//! Planned writes on a store that others have written to since the image, compared with a perfect
//! bucket.

use std::time::Duration;

use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;
use tollgate::{
    Limit, LimitName,
    model::{
        BucketKey, BucketState, Create, Level, LimitState, NewLimit, Parameters, TokenChange,
        Update, WriteId,
        plan::{self, LedgerDelta},
    },
    store::{MemoryStore, Store, StoreFuture, WriteOutcome},
};

const NAMES: [&str; 2] = ["a", "b"];

/// The first anchor of every bucket, epoch ms.
const START: i64 = 1_000_000_000;

fn ratio(numerator: i128, denominator: i128) -> BigRational {
    BigRational::new(BigInt::from(numerator), BigInt::from(denominator))
}

fn whole(number: i64) -> BigRational {
    ratio(number.into(), 1)
}

fn name(text: &str) -> LimitName {
    LimitName::new(text).unwrap()
}

fn key() -> BucketKey {
    BucketKey::new("e".try_into().unwrap(), "r".try_into().unwrap())
}

/// Returns the result of a future of the memory store, which is ready at the first poll.
fn now_or_never<T>(mut future: StoreFuture<'_, T>) -> T {
    let waker = std::task::Waker::noop();
    match future
        .as_mut()
        .poll(&mut std::task::Context::from_waker(waker))
    {
        std::task::Poll::Ready(result) => result.unwrap(),
        std::task::Poll::Pending => panic!("the memory store waits"),
    }
}

/// A limit with exact tokens at a time.
#[derive(Clone, Debug)]
struct Ideal {
    tokens: BigRational,
    parameters: Parameters,
}

impl Ideal {
    fn of(limit: &LimitState) -> Self {
        let parameters = limit.parameters;
        let remainder = limit.level.remainder;
        let valid = (0..parameters.refill_period()).contains(&remainder);
        let remainder = if valid { remainder } else { 0 };
        Self {
            tokens: whole(limit.level.tokens)
                + ratio(remainder.into(), parameters.refill_period().into()),
            parameters,
        }
    }

    fn cap(&self) -> BigRational {
        whole(self.parameters.capacity())
    }

    fn after(&self, elapsed: i64) -> BigRational {
        let gain = i128::from(elapsed.max(0)) * i128::from(self.parameters.refill_amount());
        let grown = self.tokens.clone() + ratio(gain, self.parameters.refill_period().into());
        grown.min(self.cap())
    }

    /// Returns the limit after `elapsed` ms and after `changes`; with `new`, the parameters change.
    fn changed(
        &self,
        changes: &LedgerDelta,
        name: &LimitName,
        elapsed: i64,
        new: Option<Parameters>,
    ) -> Self {
        let (give, debit) = changes.get(name).map_or((0, 0), |change| {
            (change.give, change.spend.saturating_add(change.take))
        });
        let mut tokens = (self.after(elapsed) + whole(give)).min(self.cap());
        if let Some(new) = new {
            tokens = tokens.min(whole(new.capacity())).floor();
        }
        Self {
            tokens: tokens - whole(debit),
            parameters: new.unwrap_or(self.parameters),
        }
    }
}

/// A perfect bucket.
#[derive(Clone, Debug)]
struct Oracle {
    at: i64,
    limits: Vec<(LimitName, Ideal)>,
}

impl Oracle {
    fn of(state: &BucketState) -> Self {
        let limits = state
            .limits()
            .iter()
            .map(|limit| (limit.name.clone(), Ideal::of(limit)))
            .collect();
        Self {
            at: state.refilled_at,
            limits,
        }
    }

    fn changed(&self, changes: &LedgerDelta, wanted: &[Limit], now: i64) -> Self {
        let elapsed = now - self.at;
        let parameters = |name: &LimitName| {
            wanted
                .iter()
                .find(|limit| limit.name() == name)
                .map(Parameters::from)
        };
        let mut limits: Vec<_> = self
            .limits
            .iter()
            .map(|(name, ideal)| {
                let new = parameters(name).filter(|new| *new != ideal.parameters);
                (name.clone(), ideal.changed(changes, name, elapsed, new))
            })
            .collect();
        for limit in wanted {
            if !limits.iter().any(|(known, _)| known == limit.name()) {
                let parameters = Parameters::from(limit);
                let full = Ideal {
                    tokens: whole(parameters.capacity()),
                    parameters,
                };
                limits.push((
                    limit.name().clone(),
                    full.changed(changes, limit.name(), 0, None),
                ));
            }
        }
        Self {
            at: now.max(self.at),
            limits,
        }
    }

    /// Returns true if a spend took tokens that the bucket did not have. `self` is the bucket after
    /// the spend.
    fn is_short(&self, changes: &LedgerDelta) -> bool {
        self.limits.iter().any(|(name, ideal)| {
            changes.get(name).is_some_and(|change| change.spend > 0) && ideal.tokens < whole(0)
        })
    }

    /// Asserts that the stored state equals this one, to the fraction of a millitoken, at the
    /// oracle's time and later. A limit that `update` sets to its capacity without moving the
    /// anchor keeps the fraction of a millitoken above it.
    fn agrees(&self, state: &BucketState, update: &Update) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.limits.len(), state.limits().len());
        for (name, ideal) in &self.limits {
            let limit = state.limit(name).unwrap();
            prop_assert_eq!(ideal.parameters, limit.parameters);
            let line = update.lines().iter().find(|line| line.limit == *name);
            // A limit that is only refilled has no ceiling. Its level is cut when it is read.
            let is_cut = line.is_some_and(|line| line.ceiling.is_some());
            prop_assert!(
                !is_cut || limit.level.tokens <= limit.rule_at(START).capacity(),
                "above the cap: {:?}",
                limit
            );
            let is_set = line.is_some_and(|line| matches!(line.tokens, TokenChange::Set(_)));
            let rounds = is_set && update.anchor.moves_to().is_none();
            for later in [0, 1, 700, 5000, 1_000_000] {
                let stored = Ideal::of(limit).after(self.at + later - state.refilled_at);
                if rounds {
                    prop_assert!(
                        stored >= ideal.after(later),
                        "{} {later} ms later: {:?}",
                        name,
                        limit
                    );
                    prop_assert!(
                        stored < ideal.after(later) + whole(1),
                        "{} {later} ms later: {:?}",
                        name,
                        limit
                    );
                } else if state.refilled_at > self.at {
                    // A move in the same millisecond as the last one: nothing is refilled until the
                    // next millisecond.
                    prop_assert!(
                        stored <= ideal.after(later),
                        "{} {later} ms later: {:?}",
                        name,
                        limit
                    );
                    prop_assert!(
                        stored >= ideal.after(later - 1),
                        "{} {later} ms later: {:?}",
                        name,
                        limit
                    );
                } else {
                    prop_assert_eq!(
                        &stored,
                        &ideal.after(later),
                        "{} {} ms later: {:?}",
                        name,
                        later,
                        limit
                    );
                }
            }
        }
        Ok(())
    }

    /// Returns true if every limit is full when the bucket expires. An expired bucket is full when
    /// it is created again.
    fn is_full_when_gone(&self, state: &BucketState) -> bool {
        let Some(seconds) = state.expires_at else {
            return true;
        };
        let gone = seconds.saturating_mul(1000);
        if gone == i64::MAX {
            return true;
        }
        let left = gone - self.at;
        self.limits
            .iter()
            .all(|(_, ideal)| ideal.after(left) == ideal.cap())
    }
}

/// Returns a store that holds exactly the limits of `state`.
fn store(state: &BucketState) -> MemoryStore {
    let store = MemoryStore::new();
    let mut create = Create::new(
        WriteId::from_number(0),
        state.refilled_at,
        state.limits().iter().map(stored),
    );
    create.expires_at = state.expires_at;
    assert!(matches!(
        now_or_never(store.create(&key(), &create)),
        WriteOutcome::Applied(_)
    ));
    store
}

fn stored(limit: &LimitState) -> NewLimit {
    let LimitState {
        name,
        parameters,
        level,
        consumed,
        ..
    } = limit.clone();
    NewLimit::new(name, parameters, level).with_consumed(consumed)
}

fn execute(store: &MemoryStore, update: &Update) -> WriteOutcome {
    now_or_never(store.update(&key(), update))
}

fn read(store: &MemoryStore) -> BucketState {
    now_or_never(store.read(&key())).unwrap()
}

/// Plans from `image`, executes the write, and checks the result against the state of the store.
/// After a refusal, tries once more. Returns the bucket afterwards.
fn attempt(
    store: &MemoryStore,
    image: &BucketState,
    changes: &LedgerDelta,
    wanted: &[Limit],
    now: i64,
) -> Result<BucketState, TestCaseError> {
    let truth = read(store);
    let covered = Oracle::of(&truth).is_full_when_gone(&truth);
    let mut known = image.clone();
    for attempt in 0..2 {
        let update = plan::update(&known, changes, wanted, now, WriteId::from_number(1));
        // A move in the same millisecond as the last one moves the anchor ahead by 1 ms, without
        // the refill of that millisecond.
        let at = update.anchor.moves_to().unwrap_or(now);
        prop_assert!(at <= now.max(known.refilled_at + 1), "{:?}", update);
        let oracle = Oracle::of(&truth).changed(changes, wanted, now);
        match execute(store, &update) {
            WriteOutcome::Applied(state) => {
                prop_assert!(
                    !oracle.is_short(changes),
                    "granted what is not there: {:?}",
                    update
                );
                // The plan updates parameters only if its image differs from what is wanted.
                if known
                    .limits()
                    .iter()
                    .all(|known| truth.limit(&known.name).unwrap().parameters == known.parameters)
                {
                    oracle.agrees(&state, &update)?;
                }
                prop_assert!(
                    !covered || oracle.is_full_when_gone(&state),
                    "gone too early: {:?} {:?}",
                    update,
                    state
                );
                prop_assert_eq!(&read(store), &state);
                return Ok(state);
            }
            WriteOutcome::Refused(state) => {
                let state = state.unwrap();
                prop_assert_eq!(&state, &truth, "a refusal changed something");
                prop_assert!(
                    attempt == 0 || oracle.is_short(changes),
                    "refused although there is enough: {:?} {:?}",
                    update,
                    truth
                );
                known = state;
            }
        }
    }
    Ok(known)
}

/// Returns small numbers close to each other, and the extremes of an `i64`.
fn amount(least: i64) -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => least..10i64,
        8 => least..5_000i64,
        2 => least..1_000_000_000i64,
        1 => Just(i64::MAX / 4),
    ]
}

prop_compose! {
    fn parameters()(capacity in amount(0), refill in amount(1), period in amount(1)) -> Parameters {
        Parameters::new(capacity, refill, period).unwrap()
    }
}

prop_compose! {
    /// Levels at, just below and far below the capacity, also in debt. There is a remainder if the
    /// bucket is not full.
    fn level(parameters: Parameters)(
        tokens in prop_oneof![
            Just(parameters.capacity()),
            (0i64..20).prop_map(move |short| parameters.capacity() - short),
            amount(0).prop_map(move |short| parameters.capacity() - short),
            -5_000i64..5_000,
        ],
        remainder in 0..parameters.refill_period(),
    ) -> Level {
        let tokens = tokens.min(parameters.capacity());
        Level::new(tokens, if tokens == parameters.capacity() { 0 } else { remainder })
    }
}

prop_compose! {
    fn limit_state(limit: &'static str)(parameters in parameters())
        (level in level(parameters), parameters in Just(parameters)) -> LimitState {
        LimitState::new(name(limit), parameters, (0, 1), level, 0).unwrap()
    }
}

prop_compose! {
    fn bucket()(a in limit_state("a"), b in limit_state("b"), two in any::<bool>(), expires in any::<bool>()) -> BucketState {
        let mut state = BucketState::new(START).with_limits([a].into_iter().chain(two.then_some(b)));
        if expires {
            state.expires_at = Some(until_full(&state));
        }
        state
    }
}

/// Returns the earliest expiry that plans leave: every limit is full by then, whether nothing or
/// everything is taken from it. Epoch seconds.
fn until_full(state: &BucketState) -> i64 {
    let waits = state.limits().iter().map(|limit| {
        let rate = limit.rule_at(START);
        rate.wait(limit.level, rate.capacity())
            .unwrap()
            .max(rate.time_to_fill())
    });
    let full = state.refilled_at.saturating_add(waits.max().unwrap());
    // Time for the test itself.
    (full / 1000).saturating_add(10)
}

/// Returns the changes of one request or settled lease.
/// Returns an amount that is charged or given back. All amounts of a test together stay below the
/// largest debt that a write leaves.
fn charged() -> impl Strategy<Value = i64> {
    amount(0).prop_map(|amount| amount.min(i64::MAX / 256))
}

fn changes() -> impl Strategy<Value = LedgerDelta> {
    let one = |name: &'static str| {
        prop_oneof![
            6 => (charged(), Just(0), Just(0)),
            2 => (Just(0), charged(), Just(0)),
            2 => (Just(0), Just(0), charged()),
            3 => (charged(), charged(), charged()),
            1 => Just((0, 0, 0)),
        ]
        .prop_map(move |amounts| (name, amounts))
    };
    (one("a"), one("b")).prop_map(|changes| {
        let mut all = LedgerDelta::new();
        for (limit, (spend, take, give)) in [changes.0, changes.1] {
            all.spend(&name(limit), spend);
            all.settle(&name(limit), take);
            all.settle(&name(limit), -give);
        }
        all
    })
}

fn only(changes: &LedgerDelta, state: &BucketState, wanted: &[Limit]) -> LedgerDelta {
    let mut all = LedgerDelta::new();
    for change in changes.iter() {
        let wanted = wanted.iter().find(|limit| *limit.name() == change.limit);
        if state.limit(&change.limit).is_none() {
            // An added limit begins full. The request must not ask for more than it can hold.
            let Some(wanted) = wanted else { continue };
            all.spend(
                &change.limit,
                change.spend.min(Parameters::from(wanted).capacity()),
            );
            continue;
        }
        all.spend(&change.limit, change.spend);
        all.settle(&change.limit, change.take);
        all.settle(&change.limit, -change.give);
    }
    all
}

prop_compose! {
    fn limit(limit: &'static str)(capacity in 1u64..20, refill in 1u64..20, period in 1u64..100_000) -> Limit {
        Limit::new(limit, capacity, refill, Duration::from_millis(period)).unwrap()
    }
}

/// Returns no wanted limits in most cases, or else new parameters or another limit.
fn wanted() -> impl Strategy<Value = Vec<Limit>> {
    prop_oneof![
        4 => Just(Vec::new()),
        1 => limit("a").prop_map(|limit| vec![limit]),
        1 => (limit("a"), limit("b")).prop_map(|(a, b)| vec![a, b]),
        1 => limit("b").prop_map(|limit| vec![limit]),
    ]
}

fn age() -> impl Strategy<Value = i64> {
    prop_oneof![1 => Just(0i64), 4 => 0i64..20, 4 => 0i64..1000, 4 => 0i64..100_000, 1 => -5_000i64..0]
}

/// Returns by how much the tokens of an image differ from the real ones.
fn staleness() -> impl Strategy<Value = i64> {
    prop_oneof![2 => Just(0i64), 4 => -20i64..20, 4 => -6_000i64..6_000]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Others have spent and given back since the image: the tokens differ, the anchor does not.
    #[test]
    fn a_write_from_stale_tokens_is_exact_or_refused(
        truth in bucket(), changes in changes(), wanted in wanted(), age in age(), stale in [staleness(), staleness()]
    ) {
        prop_assume!(!truth.is_expired(START + age));
        let changes = only(&changes, &truth, &wanted);
        let mut image = truth.clone();
        for (limit, stale) in image.limits_mut().iter_mut().zip(stale) {
            limit.level.tokens = limit.level.tokens.saturating_add(stale).min(limit.rule_at(START).capacity());
        }
        attempt(&store(&truth), &image, &changes, &wanted, START + age)?;
    }

    /// A peer has set another capacity since the image, and nothing else.
    #[test]
    fn a_write_from_a_stale_capacity_is_refused_and_then_exact(
        truth in bucket(), changes in changes(), age in age(), capacity in amount(0)
    ) {
        prop_assume!(!truth.is_expired(START + age));
        let changes = only(&changes, &truth, &[]);
        let mut image = truth.clone();
        let seen = truth.limits()[0].parameters;
        let parameters = Parameters::new(capacity, seen.refill_amount(), seen.refill_period()).unwrap();
        prop_assume!(parameters != seen);
        let mut level = truth.limits()[0].level;
        level.tokens = level.tokens.min(capacity);
        image.limits_mut()[0] = LimitState::new(name(NAMES[0]), parameters, (0, 1), level, 0).unwrap();
        attempt(&store(&truth), &image, &changes, &[], START + age)?;
    }

    /// Each process knows only what its own last write showed.
    #[test]
    fn many_processes_are_one_exact_bucket(
        first in bucket(),
        steps in proptest::collection::vec((0usize..3, changes(), wanted(), prop_oneof![3 => 0i64..30, 1 => 0i64..3_000]), 1..25),
    ) {
        let store = store(&first);
        let mut images = [first.clone(), first.clone(), first];
        let mut now = START;
        for (process, changes, wanted, pause) in steps {
            now += pause;
            if read(&store).is_expired(now) {
                break;
            }
            // A process does not settle limits that its image does not have.
            let changes = only(&only(&changes, &read(&store), &wanted), &images[process], &wanted);
            images[process] = attempt(&store, &images[process], &changes, &wanted, now)?;
        }
    }
}

/// A fast limit becomes a slow one. At the new rate, the bucket's debt takes far longer to pay back
/// than the stale image shows.
#[test]
fn a_slower_limit_does_not_forget_a_debt_that_it_has_not_seen() {
    let fast = Parameters::new(10_000, 10_000, 10).unwrap();
    let bucket = |tokens| {
        let limit = LimitState::new(name("a"), fast, (0, 1), Level::new(tokens, 0), 0).unwrap();
        let mut state = BucketState::new(START).with_limits([limit]);
        state.expires_at = Some(until_full(&state));
        state
    };
    let (image, truth) = (bucket(5_000), bucket(-5_000_000));
    let slow = Limit::new("a", 10, 10, Duration::from_secs(60)).unwrap();
    attempt(&store(&truth), &image, &LedgerDelta::new(), &[slow], START).unwrap();
}
