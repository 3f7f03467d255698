//! The `Forwarded` header, RFC 7239.

use tollgate::layer::keys::{ClientIp, Networks, TrustedProxies};

use super::{entity, from_peer};

fn found(client: &ClientIp, lines: &[&str]) -> Option<String> {
    let headers: Vec<_> = lines
        .iter()
        .map(|line| ("forwarded", line.as_bytes()))
        .collect();
    entity(client, &from_peer("10.0.0.1", &headers))
        .ok()
        .map(String::from)
}

fn by_networks(lines: &[&str]) -> Option<String> {
    found(
        &ClientIp::forwarded(Networks::new(["10.0.0.0/8", "fd00::/8"]).unwrap()),
        lines,
    )
}

#[test]
fn the_client_ip_is_the_rightmost_node_that_is_no_proxy() {
    for lines in [
        &["for=192.0.2.7"][..],
        &["For=\"192.0.2.7:4711\""],
        &["proto=https;FOR=192.0.2.7;by=10.0.0.1;host=\"a,b;for=x\""],
        &["for=198.51.100.1, for=192.0.2.7"],
        &["for=198.51.100.1", "for=192.0.2.7, for=10.1.1.1"],
        &["for=192.0.2.7, for=\"[fd00::1]:80\", for=10.1.1.1"],
        &["for=unknown, for=192.0.2.7"],
        &["garbage, for=192.0.2.7"],
        &["for=\"[::ffff:192.0.2.7]\""],
    ] {
        assert_eq!(
            by_networks(lines).as_deref(),
            Some("ip:192.0.2.7"),
            "{lines:?}"
        );
    }
    assert_eq!(
        by_networks(&["for=\"[2001:db8:1:2::1]:1234\""]).unwrap(),
        "ip6:2001:db8:1:2"
    );
    assert_eq!(
        by_networks(&["for=\"[2001:db8:1:2::1]:_port\""]).unwrap(),
        "ip6:2001:db8:1:2"
    );
}

#[test]
fn a_hidden_node_gives_no_key() {
    for lines in [
        &[][..],
        &[""],
        &["for=unknown"],
        &["for=_hidden"],
        &["for=\"_hidden:_port\""],
        &["for=198.51.100.1, for=unknown, for=10.1.1.1"],
        &["for=198.51.100.1, for=_secret"],
        &["for=198.51.100.1, proto=https"],
        &["for=198.51.100.1,"],
        &["for=198.51.100.1, for=192.0.2.7;for=192.0.2.8"],
        &["for=198.51.100.1, for=\"192.0.2.7"],
        &["for=198.51.100.1, for=\"2001:db8::\\1\""],
        &["for=10.1.1.1"],
    ] {
        assert_eq!(by_networks(lines), None, "{lines:?}");
    }
}

#[test]
fn a_quote_that_a_client_opens_hides_no_proxy() {
    for forged in [
        "for=\"",
        "for=\"198.51.100.1",
        "for=\"198.51.100.1\\",
        "\"",
        "for=198.51.100.1;x=\"a\\\"",
    ] {
        for proxy in [
            "for=192.0.2.7",
            "for=\"192.0.2.7:80\"",
            "host=\"a,b\";for=192.0.2.7",
        ] {
            let line = format!("{forged}, {proxy}");
            assert_eq!(
                by_networks(&[&line]).as_deref(),
                Some("ip:192.0.2.7"),
                "{line}"
            );
        }
    }
}

#[test]
fn the_client_ip_can_be_found_by_the_number_of_proxies() {
    let by_hops =
        |count, lines: &[&str]| found(&ClientIp::forwarded(TrustedProxies::hops(count)), lines);
    assert_eq!(
        by_hops(1, &["for=198.51.100.1, for=192.0.2.7"]).unwrap(),
        "ip:192.0.2.7"
    );
    assert_eq!(
        by_hops(2, &["for=192.0.2.7, for=_proxy"]).unwrap(),
        "ip:192.0.2.7"
    );
    assert_eq!(
        by_hops(2, &["for=192.0.2.7", "for=_proxy"]).unwrap(),
        "ip:192.0.2.7"
    );
    assert_eq!(by_hops(2, &["for=192.0.2.7"]), None);
    assert_eq!(by_hops(2, &["for=unknown, for=192.0.2.7"]), None);
}
