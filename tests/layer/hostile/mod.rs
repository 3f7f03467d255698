//! Malicious clients over real connections.

mod requests;
mod slow;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Bytes};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinHandle,
};
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{
        Anthropic, IetfDraft, OnMissingKey, Policy, PolicyBuilder, RequestHead, Routes, Settle,
        Usage, cost,
        keys::{self, ClientIp, HmacSecret, KeyExtractor, Networks, PeerAddr},
        routes::Route,
    },
    store::MemoryStore,
};

use crate::world::{clock, layer, left_of, memory};

/// A time that is longer than any busy machine needs.
const LONG: Duration = Duration::from_secs(30);

/// Returns a limit that is never used up.
fn plenty() -> Limit {
    Limit::per_hour("all", 1_000_000)
}

/// A server with every feature that clients can influence.
struct Victim {
    limiter: RateLimiter,
    /// The number of requests that have reached a handler behind the limits.
    handled: Arc<AtomicI64>,
    address: SocketAddr,
    connections: UnboundedReceiver<JoinHandle<()>>,
    acceptor: JoinHandle<()>,
    idle: usize,
    /// The store behind the gates; `None` if the buckets are in memory.
    store: Option<Arc<MemoryStore>>,
}

impl Victim {
    async fn in_memory() -> Self {
        Self::start(memory().0, None).await
    }

    async fn gated() -> Self {
        let store = Arc::new(MemoryStore::new());
        let limiter = RateLimiter::builder()
            .clock(clock())
            .deadline(LONG)
            .store_deadline(LONG);
        Self::start(limiter.build_shared(store.clone()).unwrap(), Some(store)).await
    }

    /// Starts the server. `limiter` must be new.
    async fn start(limiter: RateLimiter, store: Option<Arc<MemoryStore>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let idle = crate::sockets::tasks();
        let handled = Arc::new(AtomicI64::new(0));
        let app = app(&limiter, handled.clone());
        let (started, connections) = unbounded_channel();
        let acceptor = tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let app = app.clone().layer(axum::Extension(PeerAddr(peer)));
                let connection = tokio::spawn(async move {
                    // The connection may fail, but it must not panic.
                    let server = Builder::new(TokioExecutor::new());
                    let _ = server
                        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
                        .await;
                });
                let _ = started.send(connection);
            }
        });
        Self {
            limiter,
            handled,
            address,
            connections,
            acceptor,
            idle,
            store,
        }
    }

    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Asserts that nothing is left after all clients have gone. The charge must be what `expected`
    /// returns for the number of handled requests. No task is left although nothing was shut down.
    /// After the limiter is dropped, nothing refers to its store: no gate, no lease, no timer.
    async fn assert_unharmed(mut self, expected: impl Fn(i64) -> i64) {
        self.acceptor.abort();
        let _ = (&mut self.acceptor).await;
        while let Some(connection) = self.connections.recv().await {
            connection.await.expect("no panic");
        }
        crate::sockets::until_tasks(self.idle).await;
        let left = left_of(&self.limiter, "everybody", "server", &plenty()).await;
        assert_eq!(
            1_000_000 - left,
            expected(self.handled.load(Ordering::Relaxed))
        );
        self.limiter.shutdown().await;
        crate::sockets::until_tasks(self.idle).await;
        drop(self.limiter);
        if let Some(store) = self.store {
            assert_eq!(
                Arc::strong_count(&store),
                1,
                "something is left that knows it"
            );
        }
    }
}

/// Returns a table of policies inside a policy that counts the handled requests.
fn app(limiter: &RateLimiter, handled: Arc<AtomicI64>) -> Router {
    let networks = || Networks::new(["127.0.0.0/8", "10.0.0.0/8"]).unwrap();
    let secret = HmacSecret::new("a secret of 16 bytes, at least").unwrap();
    let limited = |policy: PolicyBuilder| {
        let policy = policy
            .limit(Limit::per_second("rps", 2))
            .limit(Limit::per_second("tps", 5000));
        policy.build().unwrap()
    };
    let by_secret = Policy::builder()
        .entity(
            keys::bearer_token()
                .or(keys::hashed_cookie("sid"))
                .or(keys::header("x-user"))
                .hmac(&secret),
        )
        .resource(keys::method())
        .estimate("tps", cost::header("x-tokens"))
        .settle("tps", Settle::usage(Usage::total()))
        .partition_keys("another secret of 16 bytes")
        .dialect(IetfDraft::Draft11)
        .dialect(Anthropic::new().requests("rps").tokens("tps"));
    let by_client = Policy::builder()
        .entity(ClientIp::forwarded(networks()).and(keys::header("x-user")))
        .resource(keys::host_header())
        .on_missing_key(OnMissingKey::Skip)
        .exempt_networks(
            ClientIp::x_forwarded_for(networks()),
            Networks::new(["192.0.2.0/24"]).unwrap(),
        )
        .estimate("tps", cost::content_length().per_token(4));
    let rest = Policy::builder()
        .entity(ClientIp::x_forwarded_for(networks()))
        .resource(keys::query_parameter("user").or(keys::fixed("none")));
    let routes = Routes::builder()
        .unlimited(Route::path("/healthz"))
        .route(Route::prefix("/a"), limited(by_secret))
        .route(
            Route::matching(|head: &RequestHead<'_>| head.headers.contains_key("forwarded")),
            limited(by_client),
        )
        .otherwise(limited(rest))
        .unwrap();
    let outer = Policy::builder()
        .entity(keys::fixed("everybody"))
        .resource(keys::fixed("server"))
        .limit(plenty());
    Router::new()
        .fallback(
            async move |body: Result<Bytes, axum::extract::rejection::BytesRejection>| {
                handled.fetch_add(1, Ordering::Relaxed);
                (
                    axum::http::StatusCode::OK,
                    format!(
                        r#"{{"usage":{{"total_tokens":{}}}}}"#,
                        body.map_or(0, |b| b.len())
                    ),
                )
            },
        )
        .layer(RateLimitLayer::new(limiter.clone(), routes))
        .layer(layer(limiter, outer.limit_preflights()))
}
