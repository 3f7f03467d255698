//! Keys from the address of the peer.

use std::net::SocketAddr;

use axum::{Router, extract::ConnectInfo};
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{Policy, keys::PeerAddr},
    store::{MemoryStore, WhenFull},
};

use crate::{
    events::Events,
    sockets,
    world::{ask, hello, left_of, memory, with_headers},
};

fn one_each() -> Router {
    hello(RateLimitLayer::per_ip(Limit::per_hour("rph", 1)))
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

async fn from_peer(app: &Router, peer: &str) -> u16 {
    let mut request = with_headers(&[]);
    request.extensions_mut().insert(ConnectInfo(address(peer)));
    ask(app, request).await.status().as_u16()
}

#[tokio::test]
async fn a_peer_key_comes_from_a_real_connection() {
    let (limiter, _) = memory();
    let policy = Policy::per_ip(Limit::per_hour("rph", 2));
    let at = sockets::serve(hello(RateLimitLayer::new(limiter.clone(), policy))).await;
    assert!(sockets::head(at, "GET").await.starts_with("HTTP/1.1 200"));
    assert_eq!(
        left_of(&limiter, "ip:127.0.0.1", "http", &Limit::per_hour("rph", 2)).await,
        1
    );
    assert!(sockets::head(at, "GET").await.starts_with("HTTP/1.1 200"));
    assert!(sockets::head(at, "GET").await.starts_with("HTTP/1.1 429"));
}

#[tokio::test]
async fn the_port_is_not_part_of_a_peer_key() {
    let app = one_each();
    assert_eq!(from_peer(&app, "192.0.2.1:1000").await, 200);
    assert_eq!(from_peer(&app, "192.0.2.1:2000").await, 429);
    assert_eq!(from_peer(&app, "192.0.2.2:1000").await, 200);
}

#[tokio::test]
async fn a_peer_key_has_64_bits_of_an_ipv6_address() {
    let app = one_each();
    assert_eq!(from_peer(&app, "[2001:db8:1:2::1]:80").await, 200);
    assert_eq!(from_peer(&app, "[2001:db8:1:2:ffff::9]:80").await, 429);
    assert_eq!(from_peer(&app, "[2001:db8:1:3::1]:80").await, 200);
}

#[tokio::test]
async fn a_mapped_address_is_its_ipv4_address() {
    let app = one_each();
    assert_eq!(from_peer(&app, "192.0.2.1:80").await, 200);
    assert_eq!(from_peer(&app, "[::ffff:192.0.2.1]:80").await, 429);
}

#[tokio::test]
async fn a_server_without_axum_passes_the_peer_address() {
    let app = one_each();
    for expected in [200, 429] {
        let mut request = with_headers(&[]);
        request
            .extensions_mut()
            .insert(PeerAddr(address("192.0.2.1:80")));
        assert_eq!(ask(&app, request).await.status(), expected);
    }
    // The address that the server provides takes precedence over that of the connection.
    let mut request = with_headers(&[]);
    request
        .extensions_mut()
        .insert(PeerAddr(address("192.0.2.7:80")));
    request
        .extensions_mut()
        .insert(ConnectInfo(address("192.0.2.1:80")));
    assert_eq!(ask(&app, request).await.status(), 200);
}

#[tokio::test]
async fn no_header_makes_a_peer_address() {
    let app = one_each();
    for spoofed in ["192.0.2.8", "192.0.2.9"] {
        let names = [
            "x-forwarded-for",
            "forwarded",
            "x-real-ip",
            "cf-connecting-ip",
        ];
        let mut request = with_headers(&names.map(|name| (name, spoofed.as_bytes())));
        request
            .extensions_mut()
            .insert(ConnectInfo(address("192.0.2.1:80")));
        let expected = if spoofed.ends_with('8') { 200 } else { 429 };
        assert_eq!(ask(&app, request).await.status(), expected);
    }
}

#[tokio::test]
async fn an_unknown_peer_is_a_mistake_of_the_server() {
    let events = Events::collect();
    let response = ask(&one_each(), with_headers(&[])).await;
    assert_eq!(response.status(), 500);
    let body = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&body).contains("connect_info");
    assert_eq!(
        told,
        cfg!(debug_assertions),
        "only debug builds tell clients what is wrong"
    );
    let log = events.text();
    assert!(
        log.contains("ERROR") && log.contains("into_make_service_with_connect_info"),
        "{log}"
    );
}

/// Made-up addresses fill a store. Its `WhenFull` rule decides what happens to other clients.
#[tokio::test]
async fn made_up_peers_fill_a_store() {
    for (rule, allowed) in [
        (WhenFull::Refuse, &[200, 503][..]),
        (WhenFull::Share, &[200, 429]),
        (WhenFull::ForgetFullest, &[200]),
    ] {
        let store = MemoryStore::with_capacity(64).when_full(rule);
        let limiter = RateLimiter::builder().build_memory(store.clone());
        let app = hello(RateLimitLayer::new(
            limiter,
            Policy::per_ip(Limit::per_day("rpd", 5)),
        ));
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..2000 {
            let (high, low) = (number / 256, number % 256);
            seen.insert(from_peer(&app, &format!("198.51.{high}.{low}:1")).await);
        }
        assert!(seen.iter().eq(allowed), "{rule:?}: {seen:?}");
        assert_eq!(store.len(), 64);
    }
}
