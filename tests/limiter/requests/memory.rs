//! The memory store: its capacity, and limiters that need no runtime.

use std::{
    collections::HashSet,
    sync::Arc,
    task::{Context, Poll, Wake},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use tollgate::{
    Error, Lease, Limit, RateLimiter,
    clock::ManualClock,
    error::{Invalid, Unavailable},
    limiter::Acquire,
    store::MemoryStore,
};

use super::fixture::{START, settings};

/// Creates a limiter over a store for `buckets` buckets, most of which are divided among its parts.
fn small(buckets: usize) -> (RateLimiter, MemoryStore, ManualClock) {
    let (store, clock) = (MemoryStore::with_capacity(buckets), ManualClock::at(START));
    (settings(&clock).build_memory(store.clone()), store, clock)
}

async fn spend(limiter: &RateLimiter, entity: &str, tokens: u64) -> Result<(), Error> {
    let lease = limiter
        .acquire(entity, "api")
        .limits(Limit::per_minute("tokens", 60))
        .cost("tokens", tokens)
        .await?;
    lease.commit().await.unwrap();
    Ok(())
}

async fn left(limiter: &RateLimiter, entity: &str) -> i64 {
    let available = limiter
        .available(entity, "api")
        .limits(Limit::per_minute("tokens", 60))
        .await
        .unwrap();
    available.get("tokens").unwrap().available
}

#[tokio::test]
async fn a_full_store_refuses_new_keys_and_keeps_its_buckets() {
    let (limiter, store, _) = small(640);
    let (mut remembered, mut refused) = (Vec::new(), 0);
    for number in 0..3000 {
        let entity = format!("user-{number}");
        match spend(&limiter, &entity, 10).await {
            Ok(()) => remembered.push(entity),
            Err(Error::Unavailable(Unavailable::Store(_))) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(store.len(), 640);
    assert_eq!((remembered.len(), refused), (640, 2360));
    // Buckets that the store holds are decided as usual.
    for entity in &remembered {
        assert_eq!(left(&limiter, entity).await, 50, "{entity}");
        assert!(
            spend(&limiter, entity, 51)
                .await
                .unwrap_err()
                .denied()
                .is_some()
        );
        spend(&limiter, entity, 50).await.unwrap();
    }
    assert_eq!(store.len(), 640);
}

#[tokio::test]
async fn a_full_store_forgets_buckets_that_are_full_again() {
    let (limiter, store, clock) = small(640);
    let mut short = HashSet::new();
    for number in 0..3000 {
        let entity = format!("user-{number}");
        // Some buckets are full again after 10 seconds, all others after a minute.
        let tokens = if number % 3 == 0 { 60 } else { 10 };
        if spend(&limiter, &entity, tokens).await.is_ok() && tokens == 60 {
            short.insert(entity);
        }
    }
    assert!(short.len() > 100, "{}", short.len());
    clock.advance(Duration::from_secs(10));
    let mut admitted = 0;
    for number in 0..3000 {
        admitted += u64::from(spend(&limiter, &format!("new-{number}"), 20).await.is_ok());
    }
    assert_eq!(store.len(), 640);
    // Every bucket that is full again made room, and no other bucket did.
    assert_eq!(admitted, 640 - short.len() as u64);
    for entity in &short {
        assert_eq!(left(&limiter, entity).await, 10, "{entity}");
    }
}

#[tokio::test]
async fn a_settlement_of_a_forgotten_bucket_is_charged() {
    let (limiter, _, clock) = small(64);
    let acquire = |entity: &str| {
        limiter
            .acquire(entity, "api")
            .limits(Limit::per_minute("tokens", 60))
    };
    let mut lease = acquire("user").cost("tokens", 10).await.unwrap();
    clock.advance(Duration::from_secs(10));
    // The bucket is full again, and is evicted for others, which are soon full themselves.
    for number in 0..2000 {
        let _ = spend(&limiter, &format!("other-{number}"), 1).await;
    }
    clock.advance(Duration::from_secs(10));
    lease.settle("tokens", 40).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(left(&limiter, "user").await, 30);
}

/// Unparks a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread, without a runtime.
pub(super) fn wait<F: IntoFuture>(future: F) -> F::Output {
    let mut future = Box::pin(future.into_future());
    let waker = Arc::new(Unpark(thread::current())).into();
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < Duration::from_secs(60), "nobody answers");
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park_timeout(Duration::from_secs(1)),
        }
    }
}

#[test]
fn a_limiter_in_memory_needs_no_runtime() {
    let (limiter, ..) = small(64);
    let other = limiter.clone();
    thread::spawn(move || {
        wait(spend(&other, "user", 10)).unwrap();
        drop(
            wait(
                other
                    .acquire("user", "api")
                    .limits(Limit::per_minute("tokens", 60)),
            )
            .unwrap(),
        );
        wait(other.shutdown());
    })
    .join()
    .unwrap();
    assert_eq!(wait(left(&limiter, "user")), 50);
}

#[test]
fn a_store_needs_a_runtime() {
    let error = RateLimiter::builder()
        .build(MemoryStore::new())
        .unwrap_err();
    assert_eq!(error, Invalid::NoRuntime);
}

#[test]
fn every_type_can_be_sent_and_shared() {
    fn check<T: Send + Sync + 'static>() {}
    fn check_future<T: Future<Output = Result<Lease, Error>> + Send + 'static>(_: T) {}
    check::<RateLimiter>();
    check::<Lease>();
    check::<Acquire>();
    check_future(RateLimiter::memory().acquire("user", "api").into_future());
}

#[tokio::test]
async fn a_bucket_that_is_given_back_makes_room_at_once() {
    let (limiter, store, _) = small(64);
    let mut leases = Vec::new();
    for number in 0..2000 {
        let acquire = limiter
            .acquire(format!("user-{number}"), "api")
            .limits(Limit::per_minute("tokens", 60));
        leases.extend(acquire.cost("tokens", 60).await.ok());
    }
    assert_eq!((leases.len(), store.len()), (64, 64));
    // A bucket in use stays, with or without a lease.
    assert!(spend(&limiter, "new", 1).await.is_err());
    let lease = leases.pop().unwrap();
    lease.commit();
    assert!(spend(&limiter, "new", 1).await.is_err());
    // Buckets that are full again are evicted, each for one new key.
    let freed = leases.len();
    for lease in leases {
        lease.rollback().await.unwrap();
    }
    let mut admitted = 0;
    for number in 0..2000 {
        admitted += usize::from(
            spend(&limiter, &format!("other-{number}"), 60)
                .await
                .is_ok(),
        );
    }
    assert_eq!((admitted, store.len()), (freed, 64));
}

#[tokio::test]
async fn a_bucket_that_a_lease_or_handle_holds_is_not_forgotten() {
    // Repeat with a new store until the two keys are in different parts of the store: each part has
    // room for only one bucket.
    let (limiter, store, clock) = loop {
        let made = small(64);
        if spend(&made.0, "held", 1).await.is_ok() && spend(&made.0, "handled", 1).await.is_ok() {
            break made;
        }
    };
    let limit = || Limit::per_minute("tokens", 60);
    let mut lease = limiter
        .acquire("held", "api")
        .limits(limit())
        .cost("tokens", 1)
        .await
        .unwrap();
    let handle = limiter
        .bucket("handled", "api")
        .unwrap()
        .limits(limit())
        .unwrap();
    clock.advance(Duration::from_secs(3600));
    for number in 0..2000 {
        let _ = spend(&limiter, &format!("other-{number}"), 60).await;
    }
    assert_eq!(store.len(), 64);
    lease.settle("tokens", 40).unwrap();
    lease.commit().await.unwrap();
    // The token that was charged has been refilled long ago.
    assert_eq!(left(&limiter, "held").await, 21);
    handle
        .acquire()
        .cost("tokens", 60)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    assert_eq!(left(&limiter, "handled").await, 0);
    // Once no lease or handle holds these buckets and they are full, they are evicted.
    drop(handle);
    clock.advance(Duration::from_secs(60));
    let mut admitted = 0;
    for number in 0..2000 {
        admitted += usize::from(spend(&limiter, &format!("more-{number}"), 60).await.is_ok());
    }
    assert_eq!((admitted, store.len()), (64, 64));
}
