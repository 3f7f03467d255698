//! Networks in CIDR notation.

use tollgate::layer::keys::{InvalidNetwork, Networks};

fn contains(cidr: &str, address: &str) -> bool {
    Networks::new([cidr])
        .unwrap()
        .contains(address.parse().unwrap())
}

#[test]
fn a_network_contains_the_addresses_of_its_prefix() {
    for (cidr, address, expected) in [
        ("192.0.2.0/24", "192.0.2.255", true),
        ("192.0.2.0/24", "192.0.3.0", false),
        ("192.0.2.77/24", "192.0.2.1", true),
        ("192.0.2.7", "192.0.2.7", true),
        ("192.0.2.7", "192.0.2.8", false),
        (" 192.0.2.7 ", "192.0.2.7", true),
        ("0.0.0.0/0", "203.0.113.1", true),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "192.0.2.1", false),
        ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
        ("2001:db8::1", "2001:db8::1", true),
        ("2001:db8::1", "2001:db8::2", false),
    ] {
        assert_eq!(contains(cidr, address), expected, "{cidr} {address}");
    }
}

#[test]
fn mapped_addresses_are_ipv4() {
    assert!(contains("192.0.2.0/24", "::ffff:192.0.2.1"));
    assert!(contains("::ffff:192.0.2.0/120", "192.0.2.1"));
    assert!(!contains("::ffff:192.0.2.0/120", "192.0.3.1"));
    assert!(contains("::ffff:192.0.2.1", "192.0.2.1"));
}

#[test]
fn translated_addresses_are_ipv4() {
    for prefix in ["64:ff9b::", "::"] {
        assert!(contains("192.0.2.0/24", &format!("{prefix}192.0.2.1")));
        assert!(contains(&format!("{prefix}192.0.2.0/120"), "192.0.2.1"));
        assert!(!contains(&format!("{prefix}192.0.2.0/120"), "192.0.3.1"));
    }
    // The whole prefix of a translator would contain all of IPv4.
    for all in ["64:ff9b::/96", "::ffff:0:0/96"] {
        assert_eq!(
            Networks::new([all]).unwrap_err(),
            InvalidNetwork::AllOfIpv4(all.to_owned())
        );
    }
    for other in ["::/96", "64:ff9b::/32", "::/0"] {
        assert!(!contains(other, "192.0.2.1"), "{other}");
    }
}

#[test]
fn a_text_that_is_no_network_is_named() {
    for bad in [
        "",
        "192.0.2.0/33",
        "192.0.2.0/",
        "192.0.2/24",
        "2001:db8::/129",
        "localhost",
        "/8",
        "10.0.0.0/-1",
        "a/b",
    ] {
        let error = Networks::new(["10.0.0.0/8", bad]).unwrap_err();
        assert_eq!(error, InvalidNetwork::Cidr(bad.to_owned()));
        assert!(
            error
                .to_string()
                .starts_with(&format!("{bad:?} is no network")),
            "{error}"
        );
    }
}

#[test]
fn an_empty_list_of_networks_contains_no_address() {
    let none = Networks::new([""; 0]).unwrap();
    assert!(!none.contains("127.0.0.1".parse().unwrap()));
}

#[test]
fn the_private_networks_contain_private_addresses() {
    let private = Networks::private();
    for address in [
        "127.0.0.1",
        "10.1.2.3",
        "172.31.0.1",
        "192.168.1.1",
        "169.254.1.1",
        "::1",
        "fd00::1",
        "fe80::1",
    ] {
        assert!(private.contains(address.parse().unwrap()), "{address}");
    }
    for address in ["172.32.0.1", "192.169.0.1", "8.8.8.8", "2001:db8::1", "::2"] {
        assert!(!private.contains(address.parse().unwrap()), "{address}");
    }
}
