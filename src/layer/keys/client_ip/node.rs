//! Parsing of addresses as proxies write them.

use std::net::{IpAddr, Ipv6Addr};

use crate::model::canonical;

/// Parses an address with or without a port (`192.0.2.1:80`, `[2001:db8::1]:80`), and nothing else.
/// An unspecified address (`0.0.0.0`) is refused, because no client has it.
pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(bytes).ok()?.trim_ascii();
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
                .then_some(address.into())
        }
        None => text.parse().ok().or_else(|| {
            let (address, port) = text.split_once(':')?;
            is_port(port).then_some(IpAddr::V4(address.parse().ok()?))
        }),
    };
    address
        .map(canonical)
        .filter(|address| !address.is_unspecified())
}

/// Parses an address and a port. An IPv6 address may have no brackets (`2001:db8::1:80`).
pub(super) fn address_and_port(bytes: &[u8]) -> Option<IpAddr> {
    let colon = bytes.iter().rposition(|byte| *byte == b':')?;
    let (before, port) = (bytes.get(..colon)?, bytes.get(colon + 1..)?);
    is_port(std::str::from_utf8(port).ok()?.trim_ascii())
        .then(|| address(before))
        .flatten()
}

/// Returns true for a port, and for the text that RFC 7239 allows in place of a hidden port
/// (`_hidden`).
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(hidden) => {
            !hidden.is_empty()
                && hidden
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        }
        None => (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_an_address_with_or_without_a_port() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            (" 192.0.2.1\t", "192.0.2.1"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("192.0.2.1:_hidden", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:65535", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1"),
            ("[64:ff9b::192.0.2.1]:1", "192.0.2.1"),
            ("::192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(
                address(text.as_bytes()),
                Some(expected.parse().unwrap()),
                "{text}"
            );
        }
    }

    #[test]
    fn other_texts_are_no_nodes() {
        for text in [
            "",
            "unknown",
            "_hidden",
            "192.0.2.1:",
            "192.0.2.1:x",
            "192.0.2.1:123456",
            "192.0.2",
            "192.0.2.01",
            "0.0.0.0",
            "::",
            "64:ff9b::",
            "[192.0.2.1]",
            "[2001:db8::1",
            "[2001:db8::1]80",
            "[2001:db8::1]:",
            "2001:db8::1%eth0",
            "192.0.2.1 1",
            "localhost",
            "１",
            "192.0.2.1/32",
            "\"192.0.2.1\"",
            "[]",
            ":80",
            "192.0.2.1:80:80",
        ] {
            assert_eq!(address(text.as_bytes()), None, "{text}");
        }
        assert_eq!(address(b"\xff"), None);
    }

    #[test]
    fn a_node_can_need_a_port() {
        let read = |text: &str| address_and_port(text.as_bytes());
        assert_eq!(read("192.0.2.1:8080"), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(
            read("2001:db8:1:2:3:4:5:6:8080"),
            Some("2001:db8:1:2:3:4:5:6".parse().unwrap())
        );
        assert_eq!(read("2001:db8::1:80"), Some("2001:db8::1".parse().unwrap()));
        assert_eq!(
            read("[2001:db8::1]:80"),
            Some("2001:db8::1".parse().unwrap())
        );
        for text in ["192.0.2.1", "", ":", ":80", "2001:db8::1:x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
