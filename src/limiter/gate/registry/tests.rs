use std::{
    hash::{DefaultHasher, Hash, Hasher},
    thread,
    time::Duration,
};

use quick_cache::Equivalent;
use tokio::runtime::Runtime;

use crate::{
    Limit, Limits, RateLimiter,
    clock::ManualClock,
    limiter::{RateLimiterBuilder, engine::Backend, gate::registry::*},
    model::{EntityId, Resource},
    store::MemoryStore,
};

/// Many more gates than may stay awake without being used.
const MANY: usize = 3000;

const START: i64 = 1_900_000_000_000;

fn limiter(
    settings: impl FnOnce(RateLimiterBuilder) -> RateLimiterBuilder,
) -> (Runtime, RateLimiter) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let settings = settings(RateLimiter::builder().clock(ManualClock::at(START)));
    let limiter = settings
        .runtime(runtime.handle().clone())
        .build(MemoryStore::new())
        .unwrap();
    (runtime, limiter)
}

fn gates(limiter: &RateLimiter) -> &Gates {
    match limiter.backend() {
        Backend::Gated(gates) => gates,
        other => panic!("{other:?}"),
    }
}

fn key(number: usize) -> BucketKey {
    BucketKey::new(
        EntityId::new(format!("user-{number}")).unwrap(),
        Resource::new("api").unwrap(),
    )
}

/// Returns the number of awake gates, and the number of all gates.
fn awake(gates: &Gates) -> (usize, usize) {
    let awake = gates
        .cache
        .iter()
        .filter(|(_, place)| matches!(place, GateEntry::Awake(_)));
    (awake.count(), gates.cache.len())
}

/// Asks for other gates until every gate that may rest is at rest.
fn flood(gates: &Gates) {
    (MANY..3 * MANY).for_each(|number| drop(gates.get(key(number))));
}

#[test]
fn few_gates_of_a_flood_stay_awake() {
    let (runtime, limiter) = limiter(|settings| settings);
    runtime.block_on(async {
        for number in 0..MANY {
            let acquire = limiter
                .acquire(format!("user-{number}"), "api")
                .limits(Limit::per_minute("rpm", 60));
            acquire.await.unwrap().commit();
            // A write loop ends after it has sent its answers.
            tokio::task::yield_now().await;
        }
    });
    let (awake, all) = awake(gates(&limiter));
    assert!(
        all == MANY && awake <= idle_sweep::AWAKE + idle_sweep::LOOKS,
        "{awake} of {all}"
    );
}

#[test]
fn used_gates_stay_awake_in_a_flood() {
    let (_runtime, limiter) = limiter(|settings| settings);
    let gates = gates(&limiter);
    for number in 0..5 * MANY {
        gates.get(key(MANY + number));
        gates.get(key(number % 100)).known_refusal();
    }
    assert!(
        (0..100).all(|number| matches!(gates.cache.peek(&key(number)), Some(GateEntry::Awake(_))))
    );
}

#[test]
fn gates_that_deny_stay_awake() {
    let clock = ManualClock::at(START);
    let (runtime, limiter) = limiter(|settings| settings.clock(clock.clone()));
    let gates = gates(&limiter);
    let limits = Limits::from(Limit::per_hour("rph", 1));
    let deny = || {
        for number in 0..MANY {
            let asked = limiter
                .acquire(format!("user-{number}"), "api")
                .limits(&limits);
            assert!(
                runtime
                    .block_on(asked.into_future())
                    .unwrap_err()
                    .denied()
                    .is_some()
            );
        }
    };
    for number in 0..MANY {
        let asked = limiter
            .acquire(format!("user-{number}"), "api")
            .limits(&limits);
        drop(runtime.block_on(asked.into_future()).unwrap().commit());
    }
    deny();
    deny();
    assert_eq!(awake(gates), (MANY, MANY));
    clock.advance(Duration::from_secs(2));
    flood(gates);
    flood(gates);
    flood(gates);
    assert!(
        (0..MANY).all(|number| matches!(gates.cache.peek(&key(number)), Some(GateEntry::Taken)))
    );
}

#[test]
fn a_bucket_has_no_second_gate() {
    let (_runtime, limiter) = limiter(|settings| settings);
    let gates = gates(&limiter);
    // For each key: the address of its gate, and the number of threads that hold the gate.
    let held: Vec<Mutex<(usize, usize)>> = (0..2 * MANY).map(|_| Mutex::default()).collect();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    // A few keys are used all the time, and many others seldom, so that their gates
                    // come to rest in between.
                    let number = if fastrand::bool() {
                        fastrand::usize(..8)
                    } else {
                        fastrand::usize(..2 * MANY)
                    };
                    let gate = gates.get(key(number));
                    {
                        let mut held = held[number].lock().unwrap();
                        let at = Arc::as_ptr(&gate) as usize;
                        assert!(held.1 == 0 || held.0 == at, "two gates of a bucket");
                        *held = (at, held.1 + 1);
                    }
                    if number % 2 == 1 {
                        assert!(gate.known_refusal().is_none());
                    }
                    if fastrand::u8(..8) == 0 {
                        thread::yield_now();
                    }
                    let mut held = held[number].lock().unwrap();
                    drop(gate);
                    held.1 -= 1;
                }
            });
        }
    });
    let (awake, all) = awake(gates);
    assert!(awake < all, "{awake} of {all}: some have come to rest");
}

#[test]
fn a_gate_that_is_held_is_not_created_again() {
    let (runtime, limiter) = limiter(|settings| settings);
    let gates = gates(&limiter);
    let by_hand = gates.get(key(1));
    let handle = limiter.bucket("user-2", "api").unwrap();
    let by_handle = Arc::as_ptr(&gates.get(key(2)));
    let acquire = limiter
        .acquire("user-3", "api")
        .limits(Limit::per_minute("rpm", 60));
    let lease = runtime.block_on(acquire.into_future()).unwrap();
    let by_lease = Arc::as_ptr(&gates.get(key(3)));
    flood(gates);
    assert!(Arc::ptr_eq(&by_hand, &gates.get(key(1))));
    assert_eq!(by_handle, Arc::as_ptr(&gates.get(key(2))));
    assert_eq!(by_lease, Arc::as_ptr(&gates.get(key(3))));
    drop((by_hand, handle, lease));
    runtime.block_on(limiter.shutdown());
    flood(gates);
    flood(gates);
    let rests = |number| matches!(gates.cache.peek(&key(number)), Some(GateEntry::Taken));
    assert!(rests(1) && rests(2) && rests(3));
}

#[test]
fn a_gate_of_several_shards_is_not_created_again() {
    let (_runtime, limiter) = limiter(|settings| settings);
    let gates = gates(&limiter);
    let first = gates.get(key(1));
    first.has_shards(2);
    let second = first.all().remove(1);
    let at = Arc::as_ptr(&first);
    drop(first);
    // This gate knows the number of its shards and nothing else.
    gates.get(key(2)).has_shards(2);
    flood(gates);
    assert_eq!(gates.get(key(2)).shard_count(), 2);
    assert!(std::ptr::eq(Arc::as_ptr(&gates.get(key(1))), at));
    assert!(Arc::ptr_eq(&second, &gates.get(key(1)).all()[1]));
    assert!(std::ptr::eq(Arc::as_ptr(&second.first().unwrap()), at));
}

fn hash(key: &impl Hash) -> u64 {
    let mut state = DefaultHasher::new();
    key.hash(&mut state);
    state.finish()
}

#[test]
fn a_key_finds_the_gate_that_was_put_there_by_its_parts() {
    let mut rounds = IdleSweep::default();
    for shard in [0, 7] {
        let key = BucketKey { shard, ..key(1) };
        let own = rounds.key(&key);
        assert_eq!(own.to_bucket_key(), key);
        assert!(key.equivalent(&own));
        assert_eq!(hash(&key), hash(&own));
    }
    let one = rounds.key(&key(1));
    assert!(
        Arc::ptr_eq(&one.shared, &rounds.key(&key(2)).shared),
        "what keys have in common is shared"
    );
    assert!(!BucketKey { shard: 7, ..key(1) }.equivalent(&one));
}

#[test]
fn a_forgotten_gate_is_not_swept_for_ever() {
    let (_runtime, limiter) = limiter(|settings| settings.remembered_buckets(100));
    let gates = gates(&limiter);
    (0..20 * MANY).for_each(|number| drop(gates.get(key(number))));
    let rounds = gates.idle_sweep.lock().unwrap();
    assert!(
        gates.cache.len() <= 150 && rounds.len() <= idle_sweep::AWAKE + idle_sweep::LOOKS,
        "{}",
        rounds.len()
    );
}
