//! Parsing of the `Forwarded` header (RFC 7239).

/// Returns the elements of a header line, from right to left. If the line were read from the left,
/// a quote that a client opens would hide the elements that the proxies append.
pub(super) fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let mut quoted = false;
        let comma = line.iter().enumerate().rev().find_map(|(at, byte)| {
            match byte {
                b'"' if !(quoted && is_escaped(line, at)) => quoted = !quoted,
                b',' if !quoted => return Some(at),
                _ => {}
            }
            None
        });
        let element = match comma {
            Some(at) => line.get(at + 1..)?,
            None => line,
        };
        rest = comma.and_then(|at| line.get(..at));
        Some(element)
    })
}

/// Returns `true` if an odd number of backslashes precedes the byte.
fn is_escaped(line: &[u8], at: usize) -> bool {
    line.iter()
        .take(at)
        .rev()
        .take_while(|byte| **byte == b'\\')
        .count()
        % 2
        == 1
}

/// Returns the node in the `for` of an element. `None` if there is no `for`, if there are two, or
/// if the element is malformed.
pub(super) fn node(element: &[u8]) -> Option<&[u8]> {
    let mut node = None;
    let mut rest = element.trim_ascii();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(b";") {
            rest = after.trim_ascii_start();
            continue;
        }
        let at = rest.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (rest.get(..at)?, rest.get(at + 1..)?);
        let (value, after) = match value.strip_prefix(b"\"") {
            Some(value) => quoted(value)?,
            None => plain(value)?,
        };
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return None;
        }
        if name.eq_ignore_ascii_case(b"for") && node.replace(value).is_some() {
            return None;
        }
        rest = after.trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b";") {
            return None;
        }
    }
    node
}

/// Splits a quoted value at the closing quote. Escapes stay in the value, because no address needs
/// one.
fn quoted(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut escaped = false;
    let end = value.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    Some((value.get(..end)?, value.get(end + 1..)?))
}

/// Splits an unquoted value from the rest. Addresses are accepted without the quotes that they
/// should have.
fn plain(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = value
        .iter()
        .position(|byte| !(is_token(*byte) || b":[]".contains(byte)))
        .unwrap_or(value.len());
    value
        .split_at_checked(end)
        .filter(|(value, _)| !value.is_empty())
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(line: &str) -> Vec<Option<&str>> {
        elements(line.as_bytes())
            .map(|element| node(element).map(|node| std::str::from_utf8(node).unwrap()))
            .collect()
    }

    #[test]
    fn elements_are_read_from_the_right() {
        assert_eq!(
            nodes("for=192.0.2.43, for=198.51.100.17"),
            [Some("198.51.100.17"), Some("192.0.2.43")]
        );
        assert_eq!(
            nodes("For=\"[2001:db8:cafe::17]:4711\""),
            [Some("[2001:db8:cafe::17]:4711")]
        );
        assert_eq!(
            nodes("for=192.0.2.60;proto=http;by=203.0.113.43"),
            [Some("192.0.2.60")]
        );
        assert_eq!(nodes("by=\"a,b;for=x\" ; ;FOR=_gazonk;"), [Some("_gazonk")]);
        assert_eq!(nodes("host=\"a\\\"b,c\\\\\";for=x"), [Some("x")]);
        assert_eq!(nodes("host=\"a,b\\\"c\";for=x"), [Some("x")]);
        assert_eq!(nodes("for=[2001:db8::1]:80"), [Some("[2001:db8::1]:80")]);
    }

    #[test]
    fn a_malformed_header_has_no_elements() {
        for line in [
            "",
            "for",
            "for=",
            "=x",
            "for=a;for=b",
            "proto=http",
            "for=a b",
            "for=\"a\"b",
            "for=\"a",
            "for =a",
            "for= a",
            "for=\"a\";x=\"",
            "f\"or=a",
        ] {
            assert_eq!(nodes(line), [None], "{line}");
        }
    }

    #[test]
    fn a_quote_that_a_client_opens_swallows_nothing() {
        for forged in [
            "for=\"",
            "for=\"x",
            "for=\"x\\",
            "\\",
            "\"",
            "for=x;",
            ",,",
            "for=\"a\\\"",
            "x=\"y\\\\",
        ] {
            let line = format!("{forged}, for=\"[2001:db8::7]\";host=\"a,b\"");
            assert_eq!(nodes(&line)[0], Some("[2001:db8::7]"), "{line}");
        }
    }
}
