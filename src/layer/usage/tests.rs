//! Compares the reader with `serde_json`, for bodies that come in any pieces.

use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value, json};

use super::{Reader, Usage};
use crate::layer::terms::MOST_AMOUNT;

const POINTERS: [&str; 9] = [
    "/usage",
    "/usage/total_tokens",
    "/message/usage/total_tokens",
    "/a/0/usage",
    "/a/1",
    "/a/10",
    "/sla~1sh/ti~0lde",
    "/ü😀\u{7f}\"\\/x",
    "//",
];

/// Returns the numbers at each pointer of a body that comes in these pieces.
fn found<'a>(pointers: &[&str], pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Option<u64>> {
    let mut usages: Vec<_> = pointers
        .iter()
        .map(|pointer| Usage::pointer(pointer))
        .collect();
    let paths = Usage::paths(usages.iter_mut()).unwrap();
    let mut reader = Reader::new(&paths);
    for piece in pieces {
        reader.read(&paths, piece);
    }
    usages
        .iter()
        .map(|usage| Some(usage.told(&reader)?.tokens))
        .collect()
}

/// Returns the amount that one usage finds in a body.
fn usage(mut usage: Usage, body: &str) -> Option<u64> {
    let paths = Usage::paths(std::iter::once(&mut usage)).unwrap();
    let mut reader = Reader::new(&paths);
    reader.read(&paths, body.as_bytes());
    Some(usage.told(&reader)?.tokens)
}

fn expected(pointers: &[&str], documents: &[Value]) -> Vec<Option<u64>> {
    let amount = |value: &Value| value.as_u64().filter(|amount| *amount <= MOST_AMOUNT);
    let largest = |pointer: &&str| {
        documents
            .iter()
            .filter_map(|value| amount(value.pointer(pointer)?))
            .max()
    };
    pointers.iter().map(largest).collect()
}

fn key() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 11] = [
        "usage",
        "total_tokens",
        "message",
        "a",
        "sla/sh",
        "ti~lde",
        "ü😀\u{7f}\"\\",
        "x",
        "",
        "usag",
        "usages",
    ];
    prop_oneof![9 => proptest::sample::select(&KNOWN[..]).prop_map(String::from), 1 => ".{0,80}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0u64..2000).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        Just(json!(MOST_AMOUNT)),
        Just(json!(MOST_AMOUNT + 1)),
        ".{0,12}".prop_map(Value::from),
        Just(json!("\"usage\":{\"total_tokens\":9}")),
    ];
    leaf.prop_recursive(6, 60, 12, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..12).prop_map(Value::Array),
            vec((key(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Returns a document as text. The style says how strings are escaped, and if the text is indented.
fn text(value: &Value, style: u8) -> String {
    let text = if style & 1 == 0 {
        value.to_string()
    } else {
        serde_json::to_string_pretty(value).unwrap()
    };
    match style & 2 {
        0 => text,
        // All characters outside of ASCII as `\u` escapes, with surrogate pairs among them.
        _ => text.chars().fold(String::new(), |mut escaped, character| {
            if character.is_ascii() {
                escaped.push(character)
            } else {
                character
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .for_each(|unit| escaped += &format!("\\u{unit:04X}"))
            }
            escaped
        }),
    }
}

/// Splits the bytes into pieces of these lengths.
fn pieces<'a>(bytes: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut left = bytes;
    let mut lengths = lengths.iter().cycle();
    std::iter::from_fn(move || {
        let length = (*lengths.next()?).min(left.len());
        let (piece, rest) = left.split_at(length);
        let more = !left.is_empty();
        left = rest;
        more.then_some(piece)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_reader_finds_what_serde_json_finds(
        documents in vec((value(), 0u8..4), 1..4),
        lengths in vec(1usize..9, 1..6),
        newlines in any::<bool>(),
    ) {
        let texts: Vec<_> = documents.iter().map(|(value, style)| text(value, *style)).collect();
        let body = texts.join("\n") + if newlines { "\n" } else { "" };
        let documents: Vec<_> = documents.into_iter().map(|(value, _)| value).collect();
        let expected = expected(&POINTERS, &documents);
        prop_assert_eq!(&found(&POINTERS, [body.as_bytes()]), &expected);
        prop_assert_eq!(&found(&POINTERS, body.as_bytes().chunks(1)), &expected);
        prop_assert_eq!(&found(&POINTERS, pieces(body.as_bytes(), &lengths)), &expected);
    }

    #[test]
    fn the_reader_takes_any_bytes(mut body in vec(any::<u8>(), 0..200), lengths in vec(1usize..9, 1..6)) {
        let whole = found(&POINTERS, [&body[..]]);
        prop_assert_eq!(found(&POINTERS, pieces(&body, &lengths)), whole);
        body.splice(0..0, *b"{\"usage\":{\"total_tokens\":7,");
        prop_assert_eq!(found(&POINTERS, pieces(&body, &lengths))[1], found(&POINTERS, [&body[..]])[1]);
    }

    #[test]
    fn the_reader_takes_broken_documents(
        (document, style) in (value(), 0u8..4),
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        lengths in vec(1usize..9, 1..6),
    ) {
        let mut body = text(&json!({ "a": [document.clone(), 5], "usage": document }), style).into_bytes();
        for (at, byte) in edits {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let whole = found(&POINTERS, [&body[..]]);
        prop_assert_eq!(&found(&POINTERS, pieces(&body, &lengths)), &whole);
        // If the text is still a document, the reader and `serde_json` agree. If a number is there
        // twice, `serde_json` returns the last one, and the reader the largest.
        if let Ok(document) = serde_json::from_slice::<Value>(&body) {
            for (found, expected) in whole.iter().zip(expected(&POINTERS, &[document])) {
                prop_assert!(*found >= expected);
            }
        }
    }

    #[test]
    fn a_number_that_is_cut_off_does_not_count(number in 0u64..=MOST_AMOUNT, cut in any::<prop::sample::Index>()) {
        let body = format!(r#"{{"usage":{{"total_tokens":{number}}}}}"#);
        let cut = &body.as_bytes()[..cut.index(body.len())];
        prop_assert!([None, Some(number)].contains(&found(&["/usage/total_tokens"], [cut])[0]));
    }
}

#[test]
fn strings_do_not_mislead_the_reader() {
    for body in [
        r#"{"content":"\"usage\":{\"total_tokens\":9}"}"#,
        r#"{"content":"{\"usage\":{\"total_tokens\":9}}"}"#,
        r#"{"usage":"total_tokens","x":9}"#,
        r#"{"usage":{"total_tokens":"9"}}"#,
        r#"{"choices":[{"usage":{"total_tokens":9}}]}"#,
        r#"{"usage":[{"total_tokens":9}]}"#,
        r#"{"usage":{"x":{"total_tokens":9}}}"#,
        r#"{"usage\u0000":{"total_tokens":9}}"#,
        r#"{"usage":{"total_tokens":null}}"#,
        r#"["usage",{"total_tokens":9}]"#,
        r#""usage" {"total_tokens":9}"#,
        r#"{"\ud83dusage":{"total_tokens":9}}"#,
    ] {
        assert_eq!(usage(Usage::total(), body), None, "{body}");
    }
    assert_eq!(
        usage(
            Usage::total(),
            r#"{"\u0075sag\u0065" : {"total\u005Ftokens" : 9 } }"#
        ),
        Some(9)
    );
}

#[test]
fn a_key_of_escaped_pairs_is_a_key() {
    let body = br#"{"\u00fc\ud83d\ude00\u007f\"\\":{"x":9}}"#;
    for size in 1..=body.len() {
        assert_eq!(
            found(&["/\u{fc}\u{1f600}\u{7f}\"\\/x"], body.chunks(size)),
            [Some(9)],
            "{size} bytes at once"
        );
    }
    for parted in [
        r#"{"\ud83d":{"x":9}}"#,
        r#"{"\ud83d-\ude00":{"x":9}}"#,
        r#"{"\ude00\ud83d":{"x":9}}"#,
    ] {
        assert_eq!(
            found(&["/\u{1f600}/x"], [parted.as_bytes()]),
            [None],
            "{parted}"
        );
    }
}

#[test]
fn only_whole_numbers_count() {
    for bad in [
        "-5",
        "-0",
        "1.5",
        "1.0",
        "1e3",
        "1000000000000000",
        "18446744073709551616",
        "1e400",
        "true",
        "[9]",
    ] {
        assert_eq!(
            usage(
                Usage::total(),
                &format!(r#"{{"usage":{{"total_tokens":{bad}}}}}"#)
            ),
            None,
            "{bad}"
        );
    }
    for lost in ["01", "+5", "5x", "1.", "-", ".5", "1e", "0x10", "nul"] {
        let body = format!(r#"{{"usage":{{"total_tokens":{lost},"total_tokens":7}}}}"#);
        assert_eq!(usage(Usage::total(), &body), None, "{lost}");
    }
    assert_eq!(
        usage(
            Usage::total(),
            r#"{"usage":{"total_tokens":999999999999999}}"#
        ),
        Some(999_999_999_999_999)
    );
    assert_eq!(
        usage(
            Usage::total(),
            &format!(
                r#"{{"usage":{{"total_tokens":7,"x":{}}}}}"#,
                "9".repeat(10_000)
            )
        ),
        Some(7)
    );
}

#[test]
fn the_reader_reads_a_bounded_number_of_levels() {
    for (levels, read) in [(127, Some(9)), (128, None), (100_000, None)] {
        let body = format!(
            r#"{{"x":{}{},"usage":{{"total_tokens":9}}}}"#,
            "[".repeat(levels),
            "]".repeat(levels)
        );
        assert_eq!(usage(Usage::total(), &body), read, "{levels}");
    }
    let deep = format!(
        r#"{{"usage":{{"total_tokens":9}},"x":{}"#,
        "[{\"a\":".repeat(100_000)
    );
    assert_eq!(
        usage(Usage::total(), &deep),
        Some(9),
        "what was found holds"
    );
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let body = "\u{feff}{\"usage\":{\"total_tokens\":9}}";
    assert_eq!(usage(Usage::total(), body), Some(9));
    assert_eq!(
        found(&["/usage/total_tokens"], body.as_bytes().chunks(1)),
        [Some(9)]
    );
    assert_eq!(
        found(&["/usage/total_tokens"], [&body.as_bytes()[1..]]),
        [None]
    );
    assert_eq!(
        found(&["/usage/total_tokens"], [b"\xef", &body.as_bytes()[3..]]),
        [None]
    );
}

#[test]
fn the_largest_of_several_numbers_counts() {
    assert_eq!(
        usage(
            Usage::total(),
            r#"{"usage":{"total_tokens":1,"total_tokens":2}} {"usage":null}"#
        ),
        Some(2)
    );
    assert_eq!(
        usage(
            Usage::total(),
            r#"{"usage":{"total_tokens":1}}{"usage":{"total_tokens":2}}"#
        ),
        Some(2)
    );
    assert_eq!(
        usage(
            Usage::total(),
            r#"{"usage":{"total_tokens":2}}{"usage":{"total_tokens":1}}"#
        ),
        Some(2)
    );
    assert_eq!(usage(Usage::pointer("/a"), r#"{"a":2}{"a":1}"#), Some(2));
}

#[test]
fn the_table_has_the_usual_objects() {
    let chat = json!({"usage": {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27,
        "prompt_tokens_details": {"cached_tokens": 5}}})
    .to_string();
    assert_eq!(usage(Usage::total(), &chat), Some(27));
    assert_eq!(usage(Usage::input(), &chat), Some(20));
    assert_eq!(usage(Usage::output(), &chat), Some(7));

    let responses = json!({"type": "response.completed", "response": {"usage": {"input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 5}, "output_tokens": 7, "total_tokens": 27}}})
    .to_string();
    assert_eq!(usage(Usage::total(), &responses), Some(27));
    assert_eq!(usage(Usage::input(), &responses), Some(20));
    assert_eq!(usage(Usage::output(), &responses), Some(7));

    let message =
        json!({"type": "message", "usage": {"input_tokens": 20, "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 1000, "output_tokens": 7}})
        .to_string();
    assert_eq!(usage(Usage::total(), &message), Some(1127));
    assert_eq!(usage(Usage::input(), &message), Some(1120));
    assert_eq!(
        usage(Usage::input_without_cache_reads(), &message),
        Some(120)
    );
    assert_eq!(usage(Usage::output(), &message), Some(7));

    let embeddings = r#"{"object":"list","usage":{"prompt_tokens":8,"total_tokens":8}}"#;
    assert_eq!(
        (
            usage(Usage::total(), embeddings),
            usage(Usage::output(), embeddings)
        ),
        (Some(8), None)
    );
    assert_eq!(
        usage(
            Usage::pointers(["/usage/a", "/usage/prompt_tokens", "/usage/total_tokens"]),
            embeddings
        ),
        Some(16)
    );
}

#[test]
fn an_invalid_pointer_is_kept_and_finds_nothing() {
    let mut invalid = Usage::pointers(["/usage", "usage"]);
    assert_eq!(invalid.invalid_pointer(), Some("usage"));
    assert!(Usage::paths(std::iter::once(&mut invalid)).is_none());
}
