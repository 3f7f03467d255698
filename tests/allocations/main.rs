//! Allocations of decisions in memory, and the size of a bucket. A binary of its own, because it
//! has a counting allocator.

mod fields;
#[cfg(feature = "metrics")]
mod gauges;
mod hostile;

use std::{
    convert::Infallible,
    future::IntoFuture,
    net::SocketAddr,
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
    layer::{
        Outcome, Policy, ReportLimits, Route, Routes, RoutesHandle, Settle, keys, keys::PeerAddr,
    },
    model::{BucketKey, BucketState, Create, Level, Parameters, Pressure, Update},
    store::{MemoryStore, Store, StoreFuture, WriteOutcome as Written},
};
use tower::{Layer, Service};

/// The lock of tests that create gates. Only one of them runs at a time, because the gauge counts
/// the gates of the whole process.
static GATES_OF_ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Returns the output of a future that is ready at the first poll.
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
        let grant = || {
            drop(
                now(limiter.acquire("user", "api").limits(&limits))
                    .unwrap()
                    .commit(),
            )
        };
        let back = || drop(now(limiter.acquire("user", "api").limits(&limits)).unwrap());
        let bucket = limiter
            .bucket("user", "api")
            .unwrap()
            .limits(&limits)
            .unwrap();
        let by_handle = || drop(now(bucket.acquire()).unwrap().commit());
        // The first call creates the bucket and registers the metrics.
        grant();
        back();
        assert_eq!(measure(grant).count_total, 0, "{count} limits");
        assert_eq!(
            measure(by_handle).count_total,
            0,
            "{count} limits, by a handle"
        );
        assert_eq!(measure(back).count_total, 0, "{count} limits, given back");
        // A single named cost is stored inline too.
        let named = || {
            now(limiter
                .acquire("user", "api")
                .limits(&limits)
                .cost("limit-0", 5))
        };
        let named = measure(|| drop(named().unwrap().commit()));
        // The name may take one allocation.
        assert!(
            named.count_total <= 1,
            "{count} limits, a cost: {}",
            named.count_total
        );
    }
}

/// The same tests with each kind of recorder: one that counts with atomics, and one that does
/// nothing.
#[cfg(feature = "metrics")]
mod counted {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use metrics::{
        Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, NoopRecorder, Recorder,
        SharedString, Unit,
    };

    use super::*;

    #[derive(Default)]
    struct Atomics {
        counted: Arc<AtomicU64>,
    }

    struct Forgets;

    impl HistogramFn for Forgets {
        fn record(&self, _: f64) {}
    }

    impl Recorder for Atomics {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.counted.clone())
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(Arc::new(AtomicU64::new(0)))
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::from_arc(Arc::new(Forgets))
        }
    }

    #[test]
    fn a_grant_and_its_settlement_allocate_nothing() {
        metrics::with_local_recorder(&NoopRecorder, a_grant_and_its_commit_allocate_nothing);
        let atomics = Atomics::default();
        metrics::with_local_recorder(&atomics, a_grant_and_its_commit_allocate_nothing);
        assert!(atomics.counted.load(Ordering::Relaxed) > 0);
    }
}

/// The layer allocates nothing except the lease and the request's mark, and it carries nothing to
/// the end of the body.
#[test]
fn the_layer_adds_two_allocations_to_a_request() {
    let policy = Policy::builder()
        .entity(keys::peer_ip())
        .resource(keys::fixed("http"))
        .limit(Limit::per_second("rps", 1_000_000))
        .settle("rps", Settle::header("x-used").strip())
        .on_status(500..=599, Outcome::Refund)
        .report(ReportLimits::Off)
        .without_handle()
        .build()
        .unwrap();
    // The response reports what was used. With the feature `metrics`, a missing report is counted,
    // which is rare and allocates.
    let answers = |request: Request<()>| {
        let response = Response::builder()
            .header("x-used", "1")
            .body(format!("{request:?}"))
            .unwrap();
        std::future::ready(Ok::<_, Infallible>(response))
    };
    let inner = tower::service_fn(answers);
    let mut limited = RateLimitLayer::new(RateLimiter::memory(), policy).layer(inner);
    let peer = PeerAddr(SocketAddr::from(([192, 0, 2, 1], 443)));
    let request = || {
        let mut request = Request::new(());
        request.extensions_mut().insert(peer);
        request
    };
    let mut call = || {
        let request = request();
        measure(|| drop(now(limited.call(request)).unwrap())).count_total
    };
    call();
    let (mut alone, request) = (tower::service_fn(answers), request());
    let without = measure(|| drop(now(alone.call(request)).unwrap())).count_total;
    assert_eq!(call(), without + 2);
}

/// Returns the number of allocations of a request through `layer`.
fn allocated(layer: RateLimitLayer) -> u64 {
    let inner = tower::service_fn(|_: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let mut service = layer.layer(inner);
    let mut counts = [0; 3];
    // The first request creates the bucket and thread-local state.
    for count in &mut counts {
        let mut request = Request::get("/api/users/7").body(()).unwrap();
        request
            .extensions_mut()
            .insert(PeerAddr(([192, 0, 2, 1], 80).into()));
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
        table
            .route(Route::path("/api/users/{id}").method(Method::GET), policy())
            .otherwise_unlimited()
            .unwrap()
    };
    assert_eq!(allocated(RateLimitLayer::new(limiter(), table())), one);
    assert_eq!(
        allocated(RateLimitLayer::new(limiter(), RoutesHandle::new(policy()))),
        one
    );
    assert_eq!(
        allocated(RateLimitLayer::new(limiter(), RoutesHandle::new(table()))),
        one
    );
}

/// Fills a store with `buckets` buckets with keys of 16 bytes and one limit. Returns their bytes.
fn bytes_of(buckets: usize) -> i64 {
    let mut kept = None;
    let info = measure(|| {
        let limiter = RateLimiter::builder()
            .clock(ManualClock::at(0))
            .build_memory(MemoryStore::with_capacity(buckets));
        let limits = Limits::from(Limit::per_minute("rpm", 60));
        for number in 0..buckets {
            // Near the capacity some parts of the store are already full.
            let _ = now(limiter
                .acquire(format!("user-{number:011}"), "api")
                .limits(&limits))
            .map(|lease| lease.commit());
        }
        kept = Some(limiter);
    });
    drop(kept);
    info.bytes_current
}

#[test]
fn a_bucket_weighs_at_most_200_bytes() {
    // Numbers of buckets just above and just below a doubling of the tables, and a number between.
    for buckets in [300_000, 450_000, 500_000] {
        let each = bytes_of(buckets) as f64 / buckets as f64;
        println!("{buckets} buckets: {each:.1} bytes each");
        assert!(
            each <= 200.0,
            "{each:.1} bytes for each of {buckets} buckets"
        );
    }
}

/// A store that reports every write as applied and stores nothing, so only the memory of gates is
/// counted.
#[derive(Debug)]
struct Blank {
    /// If true, items have a write counter, as items in tables do.
    measures: bool,
}

impl Store for Blank {
    fn read<'a>(&'a self, _: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn update<'a>(&'a self, _: &'a BucketKey, _: &'a Update) -> StoreFuture<'a, Written> {
        Box::pin(std::future::ready(Ok(Written::Refused(None))))
    }

    fn create<'a>(&'a self, _: &'a BucketKey, create: &'a Create) -> StoreFuture<'a, Written> {
        let mut state = create.bucket(0).unwrap();
        if self.measures {
            let rule = Parameters::new(1_000_000, 1_000_000, 1000).unwrap().whole();
            state.pressure = Some(Pressure::new(rule, Level::new(999_000, 0), 1000));
        }
        for limit in state.limits_mut() {
            // An answer of a table has a newly allocated name each time.
            limit.name = limit.name.as_str().parse().unwrap();
        }
        Box::pin(std::future::ready(Ok(Written::Applied(state))))
    }
}

#[test]
fn a_gate_at_rest_weighs_at_most_220_bytes() {
    let _gates = GATES_OF_ONE.blocking_lock();
    const GATES: usize = 20_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for measures in [true, false] {
        let settings = RateLimiter::builder()
            .remembered_buckets(2 * GATES)
            .runtime(runtime.handle().clone());
        let limiter = settings.build(Blank { measures }).unwrap();
        let limits = Limits::from(Limit::per_minute("rpm", 60));
        let fill = |from: usize, to: usize| {
            runtime.block_on(async {
                for number in from..to {
                    let acquire = limiter
                        .acquire(format!("user-{number:011}"), "api")
                        .limits(&limits);
                    acquire.await.unwrap().commit();
                    // A read does not keep a gate awake.
                    let _ = limiter
                        .available(format!("user-{number:011}"), "api")
                        .limits(&limits)
                        .await
                        .unwrap();
                    // Let the write loop end after its answer.
                    tokio::task::yield_now().await;
                }
            });
        };
        // Memory that does not depend on the number of gates.
        fill(0, 1);
        let each = measure(|| fill(1, GATES)).bytes_current as f64 / (GATES - 1) as f64;
        println!("{each:.1} bytes each, of items that measure writes: {measures}");
        assert!(each <= 220.0, "{each:.1} bytes for each gate");
    }
}

/// Uses ten times as many keys as there can be remembered gates.
#[test]
fn the_memory_of_gates_is_flat_after_the_cap() {
    let _gates = GATES_OF_ONE.blocking_lock();
    const GATES: usize = 5_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let settings = RateLimiter::builder()
        .remembered_buckets(GATES)
        .runtime(runtime.handle().clone());
    let limiter = settings.build(Blank { measures: true }).unwrap();
    let limits = Limits::from(Limit::per_minute("rpm", 60));
    let (mut bytes, mut at_cap) = (0, None);
    for round in 0..10 {
        let info = measure(|| {
            runtime.block_on(async {
                for number in 0..GATES {
                    let key = format!("user-{:011}", round * GATES + number);
                    limiter
                        .acquire(key, "api")
                        .limits(&limits)
                        .await
                        .unwrap()
                        .commit();
                    tokio::task::yield_now().await;
                }
            });
        });
        bytes += info.bytes_current;
        println!("{} keys: {bytes} bytes", (round + 1) * GATES);
        if round > 0 {
            let at_cap = *at_cap.get_or_insert(bytes);
            assert!(
                bytes <= at_cap + at_cap / 10,
                "{bytes} bytes, {at_cap} at the cap"
            );
        }
    }
}

/// Uses ten times as many keys as the store has room for. The benchmarks of the report use ten
/// million.
#[test]
fn the_memory_of_a_store_is_flat_after_the_cap() {
    // With the first capacity, the tables of the store's parts are as full as they may be with room
    // for deletions. With the second one, they are doubled for that room. 147 bytes of each bucket
    // are outside these tables.
    for (capacity, each) in [(25_250, 163), (27_500, 173)] {
        let clock = ManualClock::at(0);
        let store = MemoryStore::with_capacity(capacity);
        let limiter = RateLimiter::builder()
            .clock(clock.clone())
            .build_memory(store.clone());
        let limits = Limits::from(Limit::per_second("rps", 1000));
        let mut refused = 0u64;
        let mut bytes = 0;
        let mut at_cap = None;
        for round in 0..10 {
            let info = measure(|| {
                for number in 0..capacity {
                    // The bucket is full again when the next one comes.
                    clock.advance(Duration::from_millis(1));
                    let key = format!("user-{:011}", round * capacity + number);
                    match now(limiter.acquire(key, "api").limits(&limits)) {
                        Ok(lease) => drop(lease.commit()),
                        Err(tollgate::Error::Unavailable(Unavailable::Store(_))) => refused += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
            });
            bytes += info.bytes_current;
            println!(
                "{} keys: {} buckets, {bytes} bytes, {refused} refused",
                (round + 1) * capacity,
                store.len()
            );
            assert!(store.len() <= capacity + capacity / 100);
            assert!(bytes <= each * capacity as i64, "{bytes} bytes");
            // The first rounds fill every part of the store. After that nothing is added.
            if round > 0 {
                let at_cap = *at_cap.get_or_insert(bytes);
                assert!(
                    bytes <= at_cap + at_cap / 100,
                    "{bytes} bytes, {at_cap} at the cap"
                );
            }
        }
    }
}

/// Finding and naming a client's address does not allocate, for any source of the address.
#[test]
fn a_clients_address_allocates_nothing() {
    use tollgate::layer::{
        KeyExtractor, RequestHead,
        keys::{ClientIp, Networks, PeerAddr, peer_ip},
    };

    let proxies = || Networks::new(["10.0.0.0/8"]).unwrap();
    let keys: [Box<dyn KeyExtractor>; 5] = [
        Box::new(peer_ip()),
        Box::new(ClientIp::peer().ipv6_prefix(48).unwrap()),
        Box::new(ClientIp::x_forwarded_for(proxies())),
        Box::new(ClientIp::forwarded(proxies())),
        Box::new(ClientIp::x_real_ip(proxies())),
    ];
    for client in ["192.0.2.7", "2001:db8::7"] {
        let request = http::Request::builder()
            .header("x-forwarded-for", "spoofed, 192.0.2.1")
            .header("x-forwarded-for", format!("{client}, 10.1.1.1"))
            .header(
                "forwarded",
                format!("for=\"[{client}]\";proto=https, for=10.1.1.1")
                    .replace("[192.0.2.7]", "192.0.2.7"),
            )
            .header("x-real-ip", client)
            .extension(PeerAddr("10.0.0.1:80".parse().unwrap()))
            .body(())
            .unwrap();
        for key in &keys {
            let mut found = None;
            let info = measure(|| found = key.extract(&RequestHead::from(&request)).ok());
            assert_eq!(info.count_total, 0);
            let entity = found.expect("a key").into_entity().unwrap();
            assert!(
                ["ip:192.0.2.7", "ip6:2001:db8:0:0", "ip:10.0.0.1"].contains(&entity.as_str()),
                "{entity}"
            );
        }
    }
}

/// Behind the layer a granted request has the same allocations for the peer's address and for one
/// from a header, with IPv6 too.
#[test]
fn a_request_behind_proxies_allocates_no_more_than_one_without() {
    use std::convert::Infallible;

    use http::{Request, Response};
    use tollgate::{
        RateLimitLayer,
        layer::{
            Policy,
            keys::{ClientIp, Networks, PeerAddr},
        },
    };
    use tower::{Layer, Service};

    let of = |client: ClientIp, peer: &str| {
        let policy = Policy::per_client_ip(client, Limit::per_second("rps", 1_000_000));
        let layer = RateLimitLayer::new(RateLimiter::memory(), policy);
        let inner =
            |_: Request<()>| std::future::ready(Ok::<_, Infallible>(Response::new(String::new())));
        let mut service = layer.layer(tower::service_fn(inner));
        let mut request = || {
            let request = Request::builder()
                .header("x-forwarded-for", "2001:db8::7")
                .extension(PeerAddr(peer.parse().unwrap()))
                .body(())
                .unwrap();
            let mut response = None;
            let info = measure(|| response = Some(now(service.call(request)).unwrap()));
            assert_eq!(
                response.map(|response| response.status().as_u16()),
                Some(200)
            );
            info.count_total
        };
        request();
        request()
    };
    let ipv4 = of(ClientIp::peer(), "192.0.2.7:80");
    assert_eq!(of(ClientIp::peer(), "[2001:db8::7]:80"), ipv4);
    let proxies = Networks::new(["10.0.0.0/8"]).unwrap();
    assert_eq!(of(ClientIp::x_forwarded_for(proxies), "10.0.0.1:80"), ipv4);
}

/// The lease, its list of parts, the charges of the request, and one share list for each bucket.
#[test]
fn an_acquire_of_several_resources_allocates_little() {
    let limiter = RateLimiter::memory();
    let limits = Limits::from(Limit::per_second("rps", 1_000_000));
    let acquire = |resources: usize| {
        let mut acquire = limiter.acquire("user", "r0").limits(&limits);
        for resource in ["r1", "r2", "r3"].into_iter().take(resources - 1) {
            acquire = acquire
                .also(resource, [("rps", 1)])
                .also_limits(resource, &limits);
        }
        drop(now(acquire).unwrap().commit());
    };
    for resources in 1..=4 {
        acquire(resources);
    }
    let counts: Vec<_> = (1..=4)
        .map(|resources| measure(|| acquire(resources)).count_total)
        .collect();
    println!("acquires of 1 to 4 resources in memory: {counts:?} allocations");
    assert_eq!(counts[0], 0);
    assert!(counts[1] <= 16, "{counts:?}");
    assert!(counts[3] <= counts[1] + 16, "{counts:?}");
}
