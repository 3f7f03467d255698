//! How a path can be read.

use smallvec::SmallVec;

/// A path, decoded.
type Path = SmallVec<[u8; 128]>;

/// Whether the path reads in one way only, and needs no decoding: nearly all do.
pub(super) fn is_plain(path: &[u8]) -> bool {
    let mut before = 0;
    for byte in path {
        match (before, byte) {
            (_, b'%' | b'\\') | (b'/', b'/' | b'.') => return false,
            _ => before = *byte,
        }
    }
    true
}

/// As it was sent: characters that a path must encode are decoded, those that it need not are left,
/// and so are slashes.
pub(super) fn as_sent(path: &[u8]) -> Path {
    let needless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/' | b'\\');
    decoded(path, |byte| !needless(byte))
}

/// As a server may read it that undoes all encoding (once), empty segments and dot segments.
pub(super) fn normalised(path: &[u8]) -> Path {
    let decoded = decoded(path, |_| true);
    let mut normal = Path::new();
    let mut segments = decoded.split(|byte| matches!(byte, b'/' | b'\\')).peekable();
    let mut open = false;
    while let Some(segment) = segments.next() {
        match segment {
            b"" | b"." => {}
            b".." => normal.truncate(normal.iter().rposition(|byte| *byte == b'/').unwrap_or(0)),
            _ => {
                normal.push(b'/');
                normal.extend_from_slice(segment);
            }
        }
        open = segments.peek().is_none() && segment.is_empty();
    }
    if open || normal.is_empty() {
        normal.push(b'/');
    }
    normal
}

/// Decodes the encoded bytes that `which` says yes to. What is no encoding stays.
fn decoded(path: &[u8], which: impl Fn(u8) -> bool) -> Path {
    let mut output = Path::new();
    let mut rest = path;
    while let [first, after @ ..] = rest {
        let (byte, after) = match after {
            encoded @ [high, low, after @ ..] if *first == b'%' => {
                match byte_of(*high, *low).filter(|byte| which(*byte)) {
                    Some(byte) => (byte, after),
                    None => (*first, encoded),
                }
            }
            _ => (*first, after),
        };
        output.push(byte);
        rest = after;
    }
    output
}

/// The byte that two hexadecimal digits stand for.
fn byte_of(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_read_the_same_in_both_ways() {
        for path in ["/", "/a", "/a/b/", "/a.b/c..d", "/a;b=c/d", "*", ""] {
            assert!(is_plain(path.as_bytes()), "{path}");
            assert_eq!(as_sent(path.as_bytes()).as_slice(), path.as_bytes());
        }
        for path in ["/", "/a", "/a/b/", "/a.b/c..d"] {
            assert_eq!(normalised(path.as_bytes()).as_slice(), path.as_bytes());
        }
    }

    #[test]
    fn what_must_be_encoded_reads_in_one_way() {
        for (path, read) in
            [("/a%20b", "/a b"), ("/caf%C3%A9", "/café"), ("/caf%c3%a9/", "/café/"), ("/100%25", "/100%")]
        {
            assert_eq!(as_sent(path.as_bytes()).as_slice(), read.as_bytes());
            assert_eq!(normalised(path.as_bytes()).as_slice(), read.as_bytes());
        }
    }

    #[test]
    fn other_paths_read_in_two() {
        let odd = [
            ("/%61pi", "/%61pi", "/api"),
            ("//api", "//api", "/api"),
            ("/x//api", "/x//api", "/x/api"),
            ("/./api", "/./api", "/api"),
            ("/x/../api", "/x/../api", "/api"),
            ("/../../api", "/../../api", "/api"),
            ("/x/..", "/x/..", "/"),
            ("/x%2f..%2Fapi", "/x%2f..%2Fapi", "/api"),
            ("/x\\api", "/x\\api", "/x/api"),
            ("/%2e%2e/api", "/%2e%2e/api", "/api"),
            ("/%", "/%", "/%"),
            ("/%zz%4", "/%zz%4", "/%zz%4"),
            ("/%2561pi", "/%61pi", "/%61pi"),
        ];
        for (path, sent, normal) in odd {
            assert!(!is_plain(path.as_bytes()), "{path}");
            assert_eq!(as_sent(path.as_bytes()).as_slice(), sent.as_bytes(), "{path}");
            assert_eq!(normalised(path.as_bytes()).as_slice(), normal.as_bytes(), "{path}");
        }
    }
}
