//! The client's address behind proxies.

use axum::body::Body;
use http::Request;
use tollgate::{
    EntityId, Limit, RateLimitLayer, RateLimiter,
    layer::{
        OnMissingKey, Policy, RequestHead,
        keys::{ClientIp, InvalidNetwork, Networks, TrustedProxies},
    },
};

use super::{entity, from_peer};
use crate::{
    events::Events,
    sockets,
    world::{ask, hello, layer, left_of, memory, per_user, with_headers},
};

const PROXY: &str = "10.0.0.1";
const STRANGER: &str = "203.0.113.66";

fn proxies() -> Networks {
    Networks::new(["10.0.0.0/8", "fd00::/8"]).unwrap()
}

fn forwarded_for(peer: &str, lines: &[&str]) -> Request<Body> {
    let headers: Vec<_> = lines
        .iter()
        .map(|line| ("x-forwarded-for", line.as_bytes()))
        .collect();
    from_peer(peer, &headers)
}

fn found(client: &ClientIp, request: &Request<Body>) -> Option<String> {
    entity(client, request).ok().map(String::from)
}

/// Returns the client's key by `X-Forwarded-For`.
fn by_networks(peer: &str, lines: &[&str]) -> Option<String> {
    found(
        &ClientIp::x_forwarded_for(proxies()),
        &forwarded_for(peer, lines),
    )
}

fn by_hops(count: usize, lines: &[&str]) -> Option<String> {
    found(
        &ClientIp::x_forwarded_for(TrustedProxies::hops(count)),
        &forwarded_for(PROXY, lines),
    )
}

#[test]
fn the_client_ip_can_be_the_peer() {
    let request = from_peer(
        STRANGER,
        &[
            ("x-forwarded-for", b"192.0.2.1"),
            ("x-real-ip", b"192.0.2.1"),
        ],
    );
    assert_eq!(
        found(&ClientIp::peer(), &request).unwrap(),
        format!("ip:{STRANGER}")
    );
}

#[test]
fn the_client_ip_is_the_rightmost_address_that_is_no_proxy() {
    for lines in [
        &["192.0.2.7"][..],
        &["192.0.2.7, 10.1.1.1, 10.2.2.2"],
        &["192.0.2.7", "10.1.1.1", "10.2.2.2"],
        &["192.0.2.7,10.1.1.1", "fd00::1"],
        &["198.51.100.1, 192.0.2.7"],
        &["198.51.100.1", "192.0.2.7"],
        &["10.9.9.9, 192.0.2.7, 10.1.1.1"],
        &["garbage, 192.0.2.7"],
        &["garbage, , 192.0.2.7:4711\t, [fd00::1]:80"],
        &["::ffff:192.0.2.7, ::ffff:10.1.1.1"],
    ] {
        assert_eq!(
            by_networks(PROXY, lines).as_deref(),
            Some("ip:192.0.2.7"),
            "{lines:?}"
        );
    }
    assert_eq!(
        by_networks("::ffff:10.0.0.1", &["192.0.2.7"]).unwrap(),
        "ip:192.0.2.7"
    );
}

#[test]
fn a_peer_that_is_no_proxy_is_the_client() {
    for lines in [&[][..], &["192.0.2.7"], &["10.0.0.1"], &["garbage"], &[""]] {
        assert_eq!(
            by_networks(STRANGER, lines).unwrap(),
            format!("ip:{STRANGER}"),
            "{lines:?}"
        );
    }
    let request = from_peer(
        STRANGER,
        &[("x-real-ip", b"192.0.2.7"), ("forwarded", b"for=192.0.2.7")],
    );
    for client in [
        ClientIp::x_real_ip(proxies()),
        ClientIp::forwarded(proxies()),
    ] {
        assert_eq!(found(&client, &request).unwrap(), format!("ip:{STRANGER}"));
    }
}

#[test]
fn a_header_without_a_clients_address_gives_no_key() {
    for lines in [
        &[][..],
        &[""],
        &["10.1.1.1"],
        &["10.1.1.1, 10.2.2.2"],
        &["192.0.2.7, garbage"],
        &["192.0.2.7, unknown, 10.1.1.1"],
        &["192.0.2.7,"],
        &["192.0.2.7, , 10.1.1.1"],
        &["192.0.2.7", ""],
        &["192.0.2.7, 0.0.0.0"],
    ] {
        assert_eq!(by_networks(PROXY, lines), None, "{lines:?}");
    }
}

/// If every network is trusted, the header is not used: every address in it could be a proxy's.
#[test]
fn networks_that_cover_everything_give_no_key() {
    let everybody = || Networks::new(["0.0.0.0/0", "::/0"]).unwrap();
    for peer in [PROXY, STRANGER, "2001:db8::1", "::ffff:192.0.2.1"] {
        for lines in [
            &["192.0.2.7"][..],
            &["192.0.2.7, 2001:db8::7"],
            &["::ffff:192.0.2.7", "10.0.0.1"],
        ] {
            let request = forwarded_for(peer, lines);
            assert_eq!(
                found(&ClientIp::x_forwarded_for(everybody()), &request),
                None,
                "{peer} {lines:?}"
            );
        }
    }
    // If no network is trusted, the peer is the client.
    let nobody = ClientIp::x_forwarded_for(Networks::new([""; 0]).unwrap());
    assert_eq!(
        found(&nobody, &forwarded_for(STRANGER, &["192.0.2.7"])).unwrap(),
        format!("ip:{STRANGER}")
    );
}

#[test]
fn the_client_ip_can_be_found_by_the_number_of_proxies() {
    assert_eq!(
        by_hops(1, &["198.51.100.1, 192.0.2.7"]).unwrap(),
        "ip:192.0.2.7"
    );
    assert_eq!(
        by_hops(2, &["198.51.100.1, 192.0.2.7, 203.0.113.5"]).unwrap(),
        "ip:192.0.2.7"
    );
    assert_eq!(
        by_hops(2, &["198.51.100.1", "192.0.2.7", "203.0.113.5"]).unwrap(),
        "ip:192.0.2.7"
    );
    // Proxies may use any text for themselves in the list.
    assert_eq!(by_hops(2, &["192.0.2.7, unknown"]).unwrap(), "ip:192.0.2.7");
    assert_eq!(by_hops(0, &["192.0.2.7"]).unwrap(), format!("ip:{PROXY}"));
    for lines in [
        &[][..],
        &["192.0.2.7"],
        &["garbage, 192.0.2.7"],
        &[", 192.0.2.7"],
    ] {
        assert_eq!(by_hops(2, lines), None, "{lines:?}");
    }
    assert_eq!(by_hops(usize::MAX, &["192.0.2.7"]), None);
    // The address of the peer is not used, so it may be unknown.
    let client = ClientIp::x_forwarded_for(TrustedProxies::hops(1));
    assert_eq!(
        found(&client, &with_headers(&[("x-forwarded-for", b"192.0.2.7")])).unwrap(),
        "ip:192.0.2.7"
    );
}

type Source = (&'static str, fn(TrustedProxies) -> ClientIp);

#[test]
fn a_header_with_one_address_gives_the_client_ip() {
    let sources: [Source; 5] = [
        ("cf-connecting-ip", ClientIp::cf_connecting_ip),
        ("x-real-ip", ClientIp::x_real_ip),
        ("true-client-ip", ClientIp::true_client_ip),
        ("fly-client-ip", ClientIp::fly_client_ip),
        ("x-my-client", |proxies| {
            ClientIp::header("x-my-client", proxies)
        }),
    ];
    for (name, source) in sources {
        let by_networks = source(proxies().into());
        let by_hops = source(TrustedProxies::hops(1));
        for client in [&by_networks, &by_hops] {
            assert_eq!(
                found(client, &from_peer(PROXY, &[(name, b"192.0.2.7")])).unwrap(),
                "ip:192.0.2.7",
                "{name}"
            );
            let v6 = from_peer(PROXY, &[(name, b"2001:db8:1:2::9")]);
            assert_eq!(found(client, &v6).unwrap(), "ip6:2001:db8:1:2", "{name}");
            for bad in [
                &[][..],
                &[&b""[..]],
                &[b"x"],
                &[b"192.0.2.7, 192.0.2.8"],
                &[b"192.0.2.7", b"192.0.2.7"],
            ] {
                let headers: Vec<_> = bad.iter().map(|value| (name, *value)).collect();
                assert_eq!(
                    found(client, &from_peer(PROXY, &headers)),
                    None,
                    "{name} {bad:?}"
                );
            }
            // No other header is used.
            let others = from_peer(
                PROXY,
                &[
                    ("x-forwarded-for", b"192.0.2.7"),
                    ("x-client-ip", b"192.0.2.7"),
                ],
            );
            assert_eq!(found(client, &others), None, "{name}");
        }
        let nobody = source(TrustedProxies::hops(0));
        assert_eq!(
            found(&nobody, &from_peer(PROXY, &[(name, b"192.0.2.7")])).unwrap(),
            format!("ip:{PROXY}")
        );
    }
}

#[test]
fn the_header_of_cloudfront_has_a_port() {
    let client = ClientIp::cloudfront_viewer_address(TrustedProxies::hops(1));
    let of = |value: &str| {
        found(
            &client,
            &from_peer(PROXY, &[("cloudfront-viewer-address", value.as_bytes())]),
        )
    };
    assert_eq!(of("192.0.2.7:4711").unwrap(), "ip:192.0.2.7");
    assert_eq!(of("2001:db8:1:2:3:4:5:6:4711").unwrap(), "ip6:2001:db8:1:2");
    assert_eq!(of("2001:db8::5:80").unwrap(), "ip6:2001:db8:0:0");
    assert_eq!(of("192.0.2.7"), None);
}

#[test]
fn client_ips_can_be_grouped_by_prefix() {
    let peer = |client: ClientIp, address: &str| found(&client, &from_peer(address, &[])).unwrap();
    assert_eq!(
        peer(ClientIp::peer().ipv6_prefix(48).unwrap(), "2001:db8:1:2::1"),
        "ip6:2001:db8:1-48"
    );
    assert_eq!(
        peer(ClientIp::peer().ipv6_prefix(128).unwrap(), "2001:db8::1"),
        "ip6:2001:db8:0:0:0:0:0:1-128"
    );
    assert_eq!(
        peer(ClientIp::peer().ipv4_prefix(24).unwrap(), "192.0.2.7"),
        "ip:192.0.2.0-24"
    );
    assert_eq!(
        peer(
            ClientIp::peer().ipv4_prefix(24).unwrap(),
            "::ffff:192.0.2.9"
        ),
        "ip:192.0.2.0-24"
    );
    let both = ClientIp::peer()
        .ipv4_prefix(24)
        .unwrap()
        .ipv6_prefix(56)
        .unwrap();
    assert_eq!(peer(both.clone(), "192.0.2.7"), "ip:192.0.2.0-24");
    assert_eq!(peer(both, "2001:db8:1:2ff::1"), "ip6:2001:db8:1:200-56");
    assert_eq!(
        ClientIp::peer().ipv4_prefix(0).unwrap_err(),
        InvalidNetwork::Prefix { bits: 0, most: 32 }
    );
    assert_eq!(
        ClientIp::peer().ipv4_prefix(33).unwrap_err(),
        InvalidNetwork::Prefix { bits: 33, most: 32 }
    );
    let error = ClientIp::peer().ipv6_prefix(129).unwrap_err();
    assert_eq!(error.to_string(), "129 is no prefix length: 1 to 128 are");
}

#[test]
fn a_closure_gets_the_whole_client_ip() {
    let request = forwarded_for(PROXY, &["::ffff:192.0.2.7"]);
    let address = ClientIp::x_forwarded_for(proxies())
        .address(&RequestHead::from(&request))
        .unwrap();
    assert_eq!(address.to_string(), "192.0.2.7");
}

#[tokio::test]
async fn the_client_ip_comes_through_a_real_connection() {
    use tokio::io::AsyncWriteExt;

    let client = ClientIp::x_forwarded_for(Networks::new(["127.0.0.1"]).unwrap());
    let at = sockets::serve(hello(RateLimitLayer::per_client_ip(
        client,
        Limit::per_hour("rph", 1),
    )))
    .await;
    for (forwarded, expected) in [
        ("192.0.2.7", 200),
        ("192.0.2.8", 200),
        ("192.0.2.8, 192.0.2.7", 429),
        ("_x", 400),
    ] {
        let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
        let head = format!("GET / HTTP/1.1\r\nhost: test\r\nx-forwarded-for: {forwarded}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = sockets::read_until(&mut stream, "\r\n\r\n").await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {expected}")),
            "{forwarded}: {answer}"
        );
    }
}

#[tokio::test]
async fn one_line_limits_clients_by_ip() {
    let client = || ClientIp::x_forwarded_for(proxies());
    let app = hello(RateLimitLayer::per_client_ip(
        client(),
        Limit::per_hour("rph", 1),
    ));
    for (line, expected) in [
        ("192.0.2.7", 200),
        ("192.0.2.8", 200),
        ("1.1.1.1, 192.0.2.7", 429),
    ] {
        assert_eq!(
            ask(&app, forwarded_for(PROXY, &[line])).await.status(),
            expected
        );
    }
    let (limiter, _) = memory();
    let limit = Limit::per_hour("rph", 2);
    let app = hello(RateLimitLayer::new(
        limiter.clone(),
        Policy::per_client_ip(client(), limit.clone()),
    ));
    assert_eq!(
        ask(&app, forwarded_for(PROXY, &["192.0.2.7"]))
            .await
            .status(),
        200
    );
    assert_eq!(left_of(&limiter, "ip:192.0.2.7", "http", &limit).await, 1);
}

#[tokio::test]
async fn a_missing_client_ip_is_asked_for_or_shared_or_skipped() {
    let all = OnMissingKey::Entity(EntityId::new("all").unwrap());
    for (action, expected) in [
        (OnMissingKey::Reject, [400, 400]),
        (all, [200, 429]),
        (OnMissingKey::Skip, [200, 200]),
    ] {
        let policy =
            per_user(Limit::per_hour("rph", 1)).entity(ClientIp::x_forwarded_for(proxies()));
        let app = hello(layer(&memory().0, policy.on_missing_key(action)));
        for (line, expected) in ["unknown", "10.1.1.1"].into_iter().zip(expected) {
            assert_eq!(
                ask(&app, forwarded_for(PROXY, &[line])).await.status(),
                expected,
                "{line}"
            );
        }
    }
}

#[tokio::test]
async fn without_a_peer_address_the_server_is_set_up_wrongly() {
    for action in [
        OnMissingKey::Reject,
        OnMissingKey::Skip,
        OnMissingKey::Entity(EntityId::new("all").unwrap()),
    ] {
        for client in [
            ClientIp::peer(),
            ClientIp::x_forwarded_for(proxies()),
            ClientIp::x_forwarded_for(TrustedProxies::hops(0)),
            ClientIp::forwarded(proxies()),
            ClientIp::x_real_ip(proxies()),
            ClientIp::x_real_ip(TrustedProxies::hops(0)),
        ] {
            let events = Events::collect();
            let policy = per_user(Limit::per_hour("rph", 1))
                .entity(client)
                .on_missing_key(action.clone());
            let app = hello(layer(&RateLimiter::memory(), policy));
            let request = with_headers(&[
                ("x-forwarded-for", b"192.0.2.7"),
                ("forwarded", b"for=192.0.2.7"),
                ("x-real-ip", b"192.0.2.7"),
            ]);
            assert_eq!(ask(&app, request).await.status(), 500);
            assert!(
                events
                    .text()
                    .contains("into_make_service_with_connect_info"),
                "{}",
                events.text()
            );
        }
    }
}
