//! Malicious requests never cause a panic, an invalid name, or another client's key.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use axum::{body::Body, extract::ConnectInfo};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use tollgate::{
    EntityId, Limit, Resource,
    layer::{
        KeyExtractor, RequestHead,
        keys::{self, ClientIp, HmacSecret, Networks, TrustedProxies},
    },
};

use super::{entity, from_peer};
use crate::world::{ask, hello, layer, memory, per_user};

const REQUESTS: u64 = 10_000;

/// A request generator. Its seed is the number of the request.
pub(crate) struct Client(fastrand::Rng);

impl Client {
    pub(crate) fn new(number: u64) -> Self {
        Self(fastrand::Rng::with_seed(number))
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.usize(..of.len())]
    }

    /// Returns a header value made of meaningful pieces and noise.
    pub(crate) fn value(&mut self) -> Vec<u8> {
        const PIECES: [&str; 40] = [
            ",",
            ", ",
            ";",
            "=",
            "\"",
            "\\",
            "\\\"",
            "for=",
            "For=",
            "by=",
            "[",
            "]",
            ":",
            ":80",
            "::",
            "_",
            "_hidden",
            "unknown",
            "192.0.2.1",
            "10.0.0.1",
            "2001:db8::1",
            "[2001:db8::1]:1",
            "::ffff:10.0.0.1",
            "0.0.0.0",
            "sid=",
            "sid",
            "Bearer ",
            "bearer",
            "Basic ",
            "%",
            "%41",
            "%ff",
            "+",
            "&",
            "pair:1:a:b",
            "ip:192.0.2.1",
            "k:",
            "e:",
            "\t ",
            "a",
        ];
        const WHOLE: [&str; 10] = [
            "192.0.2.1",
            "192.0.2.1:80, 10.0.0.1",
            "203.0.113.5, 2001:db8::1",
            "for=192.0.2.1",
            "for=192.0.2.1, for=\"[2001:db8::1]:80\";by=x",
            "for=_a, for=192.0.2.1;host=\"a,b\", for=10.0.0.1",
            "Bearer abc",
            "sid=abc; a=b",
            "acme.example:80",
            "2001:db8::1:80",
        ];
        let mut value = Vec::new();
        for _ in 0..self.0.usize(..12) {
            match self.0.u8(..32) {
                0 => value.extend((0..self.0.usize(..400)).map(|_| b'x')),
                1..=4 => value.extend((0..self.0.usize(..20)).map(|_| self.0.u8(128..))),
                5..=8 => value.extend((0..self.0.usize(..20)).map(|_| self.0.u8(32..127))),
                // A complete valid value.
                9..=12 => value.extend(self.pick(&WHOLE).bytes()),
                _ => value.extend(self.pick(&PIECES).bytes()),
            }
        }
        // Some values are valid.
        if self.0.u8(..8) == 0 {
            self.pick(&WHOLE).into()
        } else {
            value
        }
    }

    pub(crate) fn uri(&mut self) -> Uri {
        let escaped: String = self
            .value()
            .into_iter()
            .map(|byte| {
                if byte.is_ascii_graphic() && byte != b'#' {
                    (byte as char).into()
                } else {
                    format!("%{byte:02x}")
                }
            })
            .collect();
        let text = match self.0.u8(..4) {
            0 => format!("/{escaped}"),
            1 => format!("/?user={escaped}"),
            2 => format!("http://{escaped}/?key={escaped}&user"),
            _ => escaped,
        };
        text.parse().unwrap_or_default()
    }

    fn request(&mut self) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = self.uri();
        *request.method_mut() = Method::from_bytes(&self.value()).unwrap_or_default();
        for name in HEADERS {
            for _ in 0..self.pick(&[0, 1, 1, 1, 2, 3]) {
                if let Ok(value) = HeaderValue::from_bytes(&self.value()) {
                    request
                        .headers_mut()
                        .append(HeaderName::from_static(name), value);
                }
            }
        }
        let peer = self.pick(&["10.0.0.1", "192.0.2.9", "::ffff:10.0.0.2", "2001:db8::9"]);
        request
            .extensions_mut()
            .insert(ConnectInfo(std::net::SocketAddr::new(
                peer.parse().unwrap(),
                1,
            )));
        request
    }

    fn address(&mut self) -> IpAddr {
        if self.0.bool() {
            Ipv4Addr::from_bits(self.0.u32(0x0b00_0000..)).into()
        } else {
            Ipv6Addr::from_bits(self.0.u128(1 << 125..1 << 126)).into()
        }
    }
}

pub(crate) const HEADERS: [&str; 10] = [
    "x-user",
    "x-api-key",
    "authorization",
    "cookie",
    "host",
    "x-forwarded-for",
    "forwarded",
    "x-real-ip",
    "cf-connecting-ip",
    "cloudfront-viewer-address",
];

fn proxies() -> Networks {
    Networks::new(["10.0.0.0/8", "fd00::/8"]).unwrap()
}

/// Returns every extractor with its name.
fn extractors() -> Vec<(&'static str, Box<dyn KeyExtractor>)> {
    let secret = HmacSecret::new("a secret of 16 bytes, at least").unwrap();
    let hops = TrustedProxies::hops;
    vec![
        ("header", Box::new(keys::header("x-user"))),
        ("hashed header", Box::new(keys::hashed_header("x-api-key"))),
        ("bearer token", Box::new(keys::bearer_token())),
        ("cookie", Box::new(keys::cookie("sid"))),
        ("hashed cookie", Box::new(keys::hashed_cookie("sid"))),
        ("query parameter", Box::new(keys::query_parameter("user"))),
        (
            "hashed query parameter",
            Box::new(keys::hashed_query_parameter("key")),
        ),
        ("path parameter", Box::new(keys::path_parameter("id"))),
        ("matched path", Box::new(keys::matched_path())),
        ("method", Box::new(keys::method())),
        ("uri host", Box::new(keys::uri_host())),
        ("host header", Box::new(keys::host_header())),
        ("peer", Box::new(keys::peer_ip())),
        (
            "client: peer",
            Box::new(ClientIp::peer().ipv6_prefix(128).unwrap()),
        ),
        (
            "x-forwarded-for, networks",
            Box::new(ClientIp::x_forwarded_for(proxies())),
        ),
        (
            "x-forwarded-for, hops",
            Box::new(ClientIp::x_forwarded_for(hops(2))),
        ),
        (
            "forwarded, networks",
            Box::new(ClientIp::forwarded(proxies())),
        ),
        (
            "forwarded, hops",
            Box::new(ClientIp::forwarded(hops(2)).ipv4_prefix(24).unwrap()),
        ),
        ("x-real-ip", Box::new(ClientIp::x_real_ip(proxies()))),
        (
            "cf-connecting-ip",
            Box::new(ClientIp::cf_connecting_ip(hops(1))),
        ),
        (
            "cloudfront",
            Box::new(ClientIp::cloudfront_viewer_address(hops(1))),
        ),
        (
            "and",
            Box::new(
                keys::header("x-user")
                    .and(keys::cookie("sid"))
                    .and(keys::method()),
            ),
        ),
        (
            "or",
            Box::new(
                keys::bearer_token()
                    .or(keys::uri_host())
                    .or(keys::peer_ip()),
            ),
        ),
        (
            "hmac",
            Box::new(
                keys::hashed_header("x-api-key")
                    .or(keys::peer_ip())
                    .hmac(&secret),
            ),
        ),
    ]
}

#[test]
fn every_key_is_a_name_or_missing() {
    let extractors = extractors();
    let mut found: HashMap<&str, u64> = HashMap::new();
    for number in 0..REQUESTS {
        let request = Client::new(number).request();
        for (name, key) in &extractors {
            let Ok(key) = key.extract(&RequestHead::from(&request)) else {
                continue;
            };
            // An empty key is always reported as missing.
            let Ok(entity) = key.clone().into_entity() else {
                panic!("{number}: {name} is empty")
            };
            assert!(EntityId::new(entity.as_str()).is_ok(), "{number}: {name}");
            assert!(
                entity.as_str().len() <= EntityId::MAX_LENGTH,
                "{number}: {name}"
            );
            let resource = key.into_resource().expect("a resource");
            assert!(Resource::new(resource.as_str()).is_ok(), "{number}: {name}");
            assert!(
                resource.as_str().len() <= Resource::MAX_LENGTH,
                "{number}: {name}"
            );
            *found.entry(*name).or_default() += 1;
        }
    }
    // The generator makes a key for each extractor, except for those that need a route.
    for (name, _) in extractors {
        let expected = !matches!(name, "path parameter" | "matched path");
        assert_eq!(
            found.get(name).is_some_and(|count| *count > 20),
            expected,
            "{name}: {found:?}"
        );
    }
}

#[tokio::test]
async fn no_request_makes_the_layer_panic() {
    let (limiter, _) = memory();
    let apps: Vec<_> = extractors()
        .into_iter()
        .map(|(name, key)| {
            let key = move |head: &RequestHead<'_>| key.extract(head);
            (
                name,
                hello(layer(
                    &limiter,
                    per_user(Limit::per_hour("rph", 1_000_000)).entity(key),
                )),
            )
        })
        .collect();
    for number in 0..REQUESTS {
        // Each extractor in turn.
        let (name, app) = &apps[number as usize % apps.len()];
        let status = ask(app, Client::new(number).request())
            .await
            .status()
            .as_u16();
        // The client asks for a path without a route. That is not a mistake of the server.
        let unmatched = matches!(*name, "path parameter" | "matched path");
        assert!(
            matches!(status, 200 | 400 | 401),
            "{number}: {name} {status}"
        );
        assert!(status == 400 || !unmatched, "{number}: {name} {status}");
    }
}

#[test]
fn two_values_never_share_a_key() {
    let secret = HmacSecret::new("a secret of 16 bytes, at least").unwrap();
    let extractors: [(&str, Box<dyn KeyExtractor>); 4] = [
        ("header", Box::new(keys::header("x-user"))),
        ("hashed", Box::new(keys::hashed_header("x-user"))),
        ("hmac", Box::new(keys::header("x-user").hmac(&secret))),
        (
            "and",
            Box::new(keys::header("x-user").and(keys::fixed("a"))),
        ),
    ];
    for (name, key) in extractors {
        let mut owners: HashMap<EntityId, Vec<u8>> = HashMap::new();
        for number in 0..REQUESTS {
            let value = Client::new(number).value();
            let Ok(header) = HeaderValue::from_bytes(&value) else {
                continue;
            };
            let mut request = from_peer("192.0.2.1", &[]);
            request.headers_mut().insert("x-user", header);
            let Ok(key) = key.extract(&RequestHead::from(&request)) else {
                continue;
            };
            let value = value.trim_ascii().to_vec();
            let owner = owners
                .entry(key.into_entity().unwrap())
                .or_insert_with(|| value.clone());
            assert_eq!(*owner, value, "{name}");
        }
        assert!(owners.len() > 5000, "{}", owners.len());
    }
}

#[test]
fn two_pairs_never_share_a_key() {
    let key = keys::header("x-user").and(keys::header("x-api-key"));
    let mut owners = HashMap::new();
    for number in 0..REQUESTS {
        let request = Client::new(number).request();
        let Ok(entity) = entity(&key, &request) else {
            continue;
        };
        let value = |name: &str| request.headers()[name].as_bytes().trim_ascii().to_vec();
        let pair = (value("x-user"), value("x-api-key"));
        let owner = owners.entry(entity).or_insert_with(|| pair.clone());
        assert_eq!(*owner, pair);
    }
    assert!(owners.len() > 1000, "{}", owners.len());
}

#[test]
fn no_client_moves_off_the_address_that_the_proxy_saw() {
    let clients = [
        (
            "x-forwarded-for",
            ClientIp::x_forwarded_for(proxies()),
            false,
        ),
        (
            "x-forwarded-for",
            ClientIp::x_forwarded_for(TrustedProxies::hops(1)),
            false,
        ),
        ("forwarded", ClientIp::forwarded(proxies()), true),
        (
            "forwarded",
            ClientIp::forwarded(TrustedProxies::hops(1)),
            true,
        ),
    ];
    let sources = [
        ClientIp::x_forwarded_for(proxies()),
        ClientIp::forwarded(proxies()),
        ClientIp::x_real_ip(proxies()),
        ClientIp::cf_connecting_ip(proxies()),
        ClientIp::cloudfront_viewer_address(proxies()),
    ];
    for number in 0..REQUESTS {
        let mut forger = Client::new(number);
        let address = forger.address();
        let own = EntityId::from_ip(address);
        let mut request = forger.request();
        for (name, client, elements) in &clients {
            // The proxy appends to the last line or adds a line.
            let seen = match (elements, address) {
                (true, IpAddr::V6(address)) => {
                    format!("for=\"[{address}]:{}\";host=\"a,b\"", forger.0.u16(..))
                }
                (true, IpAddr::V4(address)) => format!("proto=https;for={address}"),
                (false, address) => address.to_string(),
            };
            let forged: Vec<_> = request.headers().get_all(*name).iter().cloned().collect();
            let mut lines = forged.clone();
            match lines.pop() {
                Some(last) if forger.0.bool() => {
                    let joined = [last.as_bytes(), b", ", seen.as_bytes()].concat();
                    lines.push(HeaderValue::from_bytes(&joined).unwrap());
                }
                last => lines.extend(last.into_iter().chain([seen.parse().unwrap()])),
            }
            request.headers_mut().remove(*name);
            for line in lines {
                request.headers_mut().append(*name, line);
            }
            request
                .extensions_mut()
                .insert(keys::PeerAddr("10.0.0.1:1".parse().unwrap()));
            assert_eq!(
                entity(client, &request).ok(),
                Some(own.clone()),
                "{number}: {name} {forged:?}"
            );
        }
        // For a request that does not come from a proxy, headers are ignored.
        let mut request = forger.request();
        request
            .extensions_mut()
            .insert(keys::PeerAddr(std::net::SocketAddr::new(address, 1)));
        for client in &sources {
            assert_eq!(entity(client, &request).unwrap(), own, "{number}");
        }
    }
}
