//! Many misbehaving clients over real connections leave no memory allocated.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Bytes, routing::post};
use http::Method;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tollgate::layer::{BoundLimiter, LeaseHandle, OnMissingKey, cost};

use super::*;

/// The number of users. It is so small that the memory of their buckets does not matter.
const USERS: usize = 10;

/// The number of connections. If each leaves one allocation, the sum exceeds the bound.
const CLIENTS: usize = 1_000;

fn app(limiter: &RateLimiter) -> Router {
    let policy = || {
        Policy::builder()
            .entity(keys::header("x-user"))
            .limit(Limit::per_second("rps", 3))
            .limit(Limit::per_second("tps", 1_000_000))
            .estimate("tps", cost::header("x-tokens"))
            .settle("tps", Settle::header("x-used"))
    };
    let layer = |policy| RateLimitLayer::new(limiter.clone(), policy);
    let late = policy()
        .resource(keys::fixed("late"))
        .acquire_in_handler()
        .wait(Duration::from_millis(1));
    let seen = policy()
        .resource(keys::fixed("seen"))
        .shadow_limit("rps")
        .on_missing_key(OnMissingKey::Skip);
    Router::new()
        .route(
            "/late",
            post(async |limiter: BoundLimiter, _: Bytes| {
                let lease = limiter.acquire().await?;
                lease.consume("rps", 1).await?;
                Ok::<_, tollgate::Error>([("x-used", "7")])
            })
            .layer(layer(late.build().unwrap())),
        )
        .route("/plain", post(async |_: Bytes| [("x-used", "nonsense")]))
        .route(
            "/task",
            post(async |lease: Option<LeaseHandle>, _: Bytes| {
                tokio::spawn(async move { lease.map(|lease| lease.settle("tps", 5)) });
            }),
        )
        .layer(layer(seen.build().unwrap()))
}

async fn serve(limiter: RateLimiter) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app(&limiter);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let app = TowerToHyperService::new(app.clone());
            tokio::spawn(async move {
                let _ = Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), app)
                    .await;
            });
        }
    });
    address
}

/// Runs a client that sends a request, denied or not. Some clients do not finish what they have
/// begun.
async fn client(address: SocketAddr, number: usize) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let method = [Method::POST, Method::HEAD, Method::OPTIONS, Method::POST][number % 4].clone();
    let path = ["/late", "/plain", "/task", "/nowhere", "/late"][number % 5];
    let (user, tokens) = (
        number % USERS,
        ["1", "-1", "999999999999999999999", "5000"][number % 4],
    );
    let kind = ["text/plain", "application/grpc", "application/problem+json"][number % 3];
    let who = if number.is_multiple_of(7) {
        String::new()
    } else {
        format!("x-user: user-{user}\r\n")
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nx-tokens: {tokens}\r\ncontent-type: {kind}\r\nte: trailers\r\n{who}content-length: 5\r\n"
    );
    let request = match number % 6 {
        // The client disconnects within the body.
        0 => return drop(stream.write_all(format!("{head}\r\nhe").as_bytes()).await),
        // The client disconnects within the head.
        1 => return drop(stream.write_all(head.as_bytes()).await),
        2 => format!("{head}\r\nhello{head}connection: close\r\n\r\nhello"),
        _ => format!("{head}connection: close\r\n\r\nhello"),
    };
    stream.write_all(request.as_bytes()).await.unwrap();
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

/// Returns the bytes that [`CLIENTS`] clients leave allocated, after as many have run before.
fn left_of_clients(
    limiter: impl FnOnce(tollgate::limiter::RateLimiterBuilder) -> RateLimiter,
) -> i64 {
    // Everything runs on this thread, because the allocations of one thread are counted.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let clock = ManualClock::at(1_700_000_000_000);
    let _within = runtime.enter();
    let limiter = limiter(
        RateLimiter::builder()
            .clock(clock.clone())
            .flush_after(Duration::from_millis(1)),
    );
    let address = runtime.block_on(serve(limiter));
    let idle = runtime.metrics().num_alive_tasks();
    let flood = || {
        runtime.block_on(async {
            for number in 0..CLIENTS {
                client(address, number).await;
                clock.advance(Duration::from_millis(50));
            }
            while runtime.metrics().num_alive_tasks() > idle {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    };
    flood();
    measure(flood).bytes_current
}

#[test]
fn hostile_clients_leave_no_memory_allocated_in_memory() {
    let left = left_of_clients(|builder| builder.build_memory(MemoryStore::new()));
    assert!(left < CLIENTS as i64 * 8, "{left} bytes");
}

#[test]
fn hostile_clients_leave_no_memory_allocated_through_gates() {
    let _gates = super::GATES_OF_ONE.blocking_lock();
    let store = Arc::new(MemoryStore::new());
    let left = left_of_clients(|builder| builder.build_shared(store).unwrap());
    assert!(left < CLIENTS as i64 * 8, "{left} bytes");
}
