//! What decisions in memory allocate, and what a bucket weighs: counted, in a binary of its own
//! because its allocator counts.

use std::{
    convert::Infallible,
    future::IntoFuture,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use allocation_counter::measure;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Empty;
use tollgate::{
    Limit, Limits, RateLimitLayer, RateLimiter,
    clock::ManualClock,
    error::Unavailable,
    layer::{Policy, Route, Routes, RoutesHandle, keys::PeerAddr},
    store::MemoryStore,
};
use tower::{Layer, Service};

/// The output of a future that waits for nothing.
fn now<F: IntoFuture>(future: F) -> F::Output {
    match pin!(future.into_future()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing in memory waits"),
    }
}

#[test]
fn a_grant_and_its_commit_allocate_nothing() {
    let limiter = RateLimiter::memory();
    for count in [1, 2] {
        let limits = (0..count).map(|index| Limit::per_second(format!("limit-{index}"), 1_000_000));
        let limits = Limits::new(limits).unwrap();
        let grant = || drop(now(limiter.acquire("user", "api").limits(&limits)).unwrap().commit());
        let back = || drop(now(limiter.acquire("user", "api").limits(&limits)).unwrap());
        let bucket = limiter.bucket("user", "api").unwrap().limits(&limits).unwrap();
        let by_handle = || drop(now(bucket.acquire()).unwrap().commit());
        grant();
        assert_eq!(measure(grant).count_total, 0, "{count} limits");
        assert_eq!(measure(by_handle).count_total, 0, "{count} limits, by a handle");
        assert_eq!(measure(back).count_total, 0, "{count} limits, given back");
        // One cost that is named is kept in place, too.
        let named = || now(limiter.acquire("user", "api").limits(&limits).cost("limit-0", 5));
        let named = measure(|| drop(named().unwrap().commit()));
        // The name itself.
        assert!(named.count_total <= 1, "{count} limits, a cost: {}", named.count_total);
    }
}

/// What a request through `layer` allocates.
fn allocated(layer: RateLimitLayer) -> u64 {
    let inner = tower::service_fn(|_: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let mut service = layer.layer(inner);
    let mut counts = [0; 3];
    // The first makes the bucket, and what a thread has once.
    for count in &mut counts {
        let mut request = Request::get("/api/users/7").body(()).unwrap();
        request.extensions_mut().insert(PeerAddr(([192, 0, 2, 1], 80).into()));
        *count = measure(|| drop(now(service.call(request)).unwrap())).count_total;
    }
    assert_eq!(counts[1], counts[2]);
    counts[2]
}

#[test]
fn a_table_and_a_handle_allocate_nothing() {
    let limiter = || RateLimiter::memory();
    let policy = || Policy::per_ip(Limit::per_second("rps", 1000));
    let one = allocated(RateLimitLayer::new(limiter(), policy()));
    println!("a request through the layer: {one} allocations");
    let table = || {
        let table = Routes::builder().unlimited(Route::path("/healthz"));
        table.route(Route::path("/api/users/{id}").method(Method::GET), policy()).otherwise_unlimited().unwrap()
    };
    assert_eq!(allocated(RateLimitLayer::new(limiter(), table())), one);
    assert_eq!(allocated(RateLimitLayer::swappable(limiter(), &RoutesHandle::new(policy()))), one);
    assert_eq!(allocated(RateLimitLayer::swappable(limiter(), &RoutesHandle::new(table()))), one);
}

/// Fills a store with so many buckets, by keys of 16 bytes and one limit, and gives their bytes.
fn bytes_of(buckets: usize) -> i64 {
    let mut kept = None;
    let info = measure(|| {
        let limiter =
            RateLimiter::builder().clock(ManualClock::at(0)).build_memory(MemoryStore::with_capacity(buckets));
        let limits = Limits::from(Limit::per_minute("rpm", 60));
        for number in 0..buckets {
            // Near the cap some parts are full already.
            let _ =
                now(limiter.acquire(format!("user-{number:011}"), "api").limits(&limits)).map(|lease| lease.commit());
        }
        kept = Some(limiter);
    });
    drop(kept);
    info.bytes_current
}

#[test]
fn a_bucket_weighs_at_most_200_bytes() {
    // Just above and just below a doubling of the tables, and between.
    for buckets in [300_000, 450_000, 500_000] {
        let each = bytes_of(buckets) as f64 / buckets as f64;
        println!("{buckets} buckets: {each:.1} bytes each");
        assert!(each <= 200.0, "{each:.1} bytes for each of {buckets} buckets");
    }
}

/// Ten times as many keys as there is room for. The report's benches do it with ten million.
#[test]
fn memory_is_flat_after_the_cap() {
    const CAPACITY: usize = 150_000;
    let clock = ManualClock::at(0);
    let store = MemoryStore::with_capacity(CAPACITY);
    let limiter = RateLimiter::builder().clock(clock.clone()).build_memory(store.clone());
    let limits = Limits::from(Limit::per_second("rps", 10));
    let mut refused = 0u64;
    let mut bytes = 0;
    for round in 0..10 {
        let info = measure(|| {
            for number in 0..CAPACITY {
                if number % 1000 == 0 {
                    clock.advance(Duration::from_millis(1));
                }
                let key = format!("user-{:011}", round * CAPACITY + number);
                match now(limiter.acquire(key, "api").limits(&limits)) {
                    Ok(lease) => drop(lease.commit()),
                    Err(tollgate::Error::Unavailable(Unavailable::Store(_))) => refused += 1,
                    Err(error) => panic!("{error}"),
                }
            }
        });
        bytes += info.bytes_current;
        println!("{} keys: {} buckets, {bytes} bytes, {refused} refused", (round + 1) * CAPACITY, store.len());
        assert!(store.len() <= CAPACITY + CAPACITY / 100);
        assert!(bytes <= 210 * CAPACITY as i64, "{bytes} bytes");
    }
}
