//! The ways in which servers read a path.

use smallvec::SmallVec;

/// A decoded path.
type PathText = SmallVec<[u8; 128]>;

/// The different readings of a path.
type Readings = SmallVec<[PathText; 2]>;

/// The maximum number of readings that are compared. A path that has more is refused, so that the
/// work for each request is bounded. No client sends such a path by mistake.
const MOST_READINGS: usize = 8;

/// Returns true if the path has one reading, which is the path itself. Nearly all paths do.
pub(super) fn is_plain(path: &[u8]) -> bool {
    let mut before = 0;
    for byte in path {
        match (before, byte) {
            (_, b'%' | b'\\' | b';' | 0..=0x1f | 0x7f) | (b'/', b'/' | b'.') => return false,
            _ => before = *byte,
        }
    }
    true
}

/// Returns the path as it was sent, with the characters decoded that must be encoded in a path.
/// Characters that may be in a path unencoded stay encoded, because axum takes `%3A` and `:` for
/// two different paths.
pub(super) fn as_sent(path: &[u8]) -> PathText {
    decoded(path, |byte| !may_stand_in_a_path(byte))
}

/// Returns all readings of a path, [`as_sent`] first. `None` if there are too many.
///
/// Servers normalise paths by the steps below, but not every server does all of them. So each step
/// is applied to each reading, and the reading without it is kept.
pub(super) fn readings(path: &[u8]) -> Option<Readings> {
    let mut readings = Readings::new();
    readings.push(as_sent(path));
    // Some servers split a path before they decode its segments.
    add(&mut readings, decoded(path, |byte| byte != b'/'))?;
    add(&mut readings, decoded(path, |_| true))?;
    let undo = [
        cut_at_nul,
        without_control_characters,
        with_slashes,
        without_parameters,
    ];
    // Dots are resolved both before and after empty segments are removed: `/a//../b` is `/a/b` or
    // `/b`.
    for undo in undo
        .into_iter()
        .chain([without_dots, without_empty_segments, without_dots])
    {
        for index in 0..readings.len() {
            if let Some(other) = readings.get(index).map(undo) {
                add(&mut readings, other)?;
            }
        }
    }
    Some(readings)
}

fn add(readings: &mut Readings, path: PathText) -> Option<()> {
    if !readings.contains(&path) {
        readings.push(path);
    }
    (readings.len() <= MOST_READINGS).then_some(())
}

/// Returns true for a `pchar` of RFC 3986, and for the characters that separate segments.
fn may_stand_in_a_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/\\".contains(&byte)
}

fn cut_at_nul(path: &PathText) -> PathText {
    path.split(|byte| *byte == 0)
        .next()
        .unwrap_or_default()
        .into()
}

fn without_control_characters(path: &PathText) -> PathText {
    path.iter()
        .copied()
        .filter(|byte| !byte.is_ascii_control())
        .collect()
}

fn with_slashes(path: &PathText) -> PathText {
    path.iter()
        .map(|byte| if *byte == b'\\' { b'/' } else { *byte })
        .collect()
}

/// Removes path parameters, which follow a semicolon: `/a;v=1/b` becomes `/a/b`.
fn without_parameters(path: &PathText) -> PathText {
    let mut inside = false;
    let kept = path.iter().filter(|byte| {
        inside = **byte != b'/' && (inside || **byte == b';');
        !inside
    });
    kept.copied().collect()
}

fn without_dots(path: &PathText) -> PathText {
    let mut resolved = PathText::new();
    let mut segments = segments(path).peekable();
    while let Some(segment) = segments.next() {
        match dots(segment) {
            Some(1) => {}
            Some(2) => {
                resolved.truncate(resolved.iter().rposition(|byte| *byte == b'/').unwrap_or(0))
            }
            _ => {
                resolved.push(b'/');
                resolved.extend_from_slice(segment);
                continue;
            }
        }
        if segments.peek().is_none() {
            resolved.push(b'/');
        }
    }
    resolved
}

/// Returns the number of dots, if the segment consists of dots. Encoded dots count, because some
/// servers take them for dots and decode nothing else.
fn dots(mut segment: &[u8]) -> Option<usize> {
    let mut count = 0;
    while !segment.is_empty() {
        segment = match segment {
            [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
            _ => return None,
        };
        count += 1;
    }
    Some(count)
}

fn without_empty_segments(path: &PathText) -> PathText {
    let mut merged = PathText::new();
    for byte in path {
        if *byte != b'/' || merged.last() != Some(&b'/') {
            merged.push(*byte);
        }
    }
    merged
}

/// Returns the texts after each slash.
fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').skip(1)
}

/// Decodes the encoded bytes for which `which` returns true. Invalid encodings stay unchanged.
fn decoded(path: &[u8], which: impl Fn(u8) -> bool) -> PathText {
    let mut output = PathText::new();
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

/// Returns the byte that two hexadecimal digits encode.
fn byte_of(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &str) -> Vec<String> {
        let readings = readings(path.as_bytes()).unwrap();
        readings
            .iter()
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect()
    }

    #[test]
    fn plain_paths_have_one_reading() {
        for path in ["/", "/a", "/a/b/", "/a.b/c..d", "/a:b@c/d,e=f", "*", ""] {
            assert!(is_plain(path.as_bytes()), "{path}");
            assert_eq!(as_sent(path.as_bytes()).as_slice(), path.as_bytes());
        }
        for path in ["/", "/a", "/a/b/", "/a.b/c..d", "/a:b@c/d,e=f"] {
            assert_eq!(texts(path), [path]);
        }
    }

    #[test]
    fn characters_that_must_be_encoded_have_one_reading() {
        for (path, read) in [
            ("/a%20b", "/a b"),
            ("/caf%C3%A9", "/café"),
            ("/caf%c3%a9/", "/café/"),
            ("/100%25", "/100%"),
            ("/%7Bx%7D", "/{x}"),
        ] {
            assert_eq!(texts(path), [read]);
        }
    }

    #[test]
    fn other_paths_have_more_readings() {
        let odd: [(&str, &[&str]); 25] = [
            ("/%61pi", &["/%61pi", "/api"]),
            ("/a%3Ab", &["/a%3Ab", "/a:b"]),
            ("//api", &["//api", "/api"]),
            ("/x//api", &["/x//api", "/x/api"]),
            ("/./api", &["/./api", "/api"]),
            ("/api/.", &["/api/.", "/api/"]),
            ("/x/../api", &["/x/../api", "/api"]),
            ("/../../api", &["/../../api", "/api"]),
            ("/x/..", &["/x/..", "/"]),
            ("/x//../api", &["/x//../api", "/x/api", "/x/../api", "/api"]),
            ("/x%2f..%2Fapi", &["/x%2f..%2Fapi", "/x/../api", "/api"]),
            ("/x\\api", &["/x\\api", "/x/api"]),
            ("/%2e%2e/api", &["/%2e%2e/api", "/../api", "/api"]),
            (
                "/a%2Fb/%2e%2E",
                &["/a%2Fb/%2e%2E", "/a%2Fb/..", "/a/b/..", "/", "/a/"],
            ),
            ("/%61/.%2e", &["/%61/.%2e", "/a/..", "/"]),
            ("/%61pi/x%2Fy", &["/%61pi/x%2Fy", "/api/x%2Fy", "/api/x/y"]),
            ("/%", &["/%"]),
            ("/%zz%4", &["/%zz%4"]),
            ("/%2561pi", &["/%61pi"]),
            ("/api;v=1/x;y", &["/api;v=1/x;y", "/api/x"]),
            ("/api/;/x", &["/api/;/x", "/api//x", "/api/x"]),
            ("/api%3Bv", &["/api%3Bv", "/api;v", "/api"]),
            ("/x/..;/api", &["/x/..;/api", "/x/../api", "/api"]),
            ("/api%00.png", &["/api\0.png", "/api", "/api.png"]),
            ("/ap%0Ai", &["/ap\ni", "/api"]),
        ];
        for (path, expected) in odd {
            assert_eq!(texts(path), expected, "{path}");
            assert!(expected.len() == 1 || !is_plain(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn the_number_of_readings_is_bounded() {
        assert_eq!(readings(b"/%61//b;c/./d%00e\\f%0ag"), None);
        assert_eq!(
            readings(b"/%61//b;c").map(|readings| readings.len()),
            Some(8)
        );
    }
}
