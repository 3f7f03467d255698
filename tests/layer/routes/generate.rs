//! Generators of path templates, and of paths similar to them, for property tests.

use proptest::{prelude::*, sample::select};

/// Generates a template. Its segments are literal text, parameters, or a wildcard for the rest.
fn template() -> impl Strategy<Value = String> {
    let segment = select(vec!["a", "b", "a:b", "a%20b", "{{c}}", "{}", "{}", "{}"]);
    let tail = select(vec!["", "", "/", "/{*rest}"]);
    (prop::collection::vec(segment, 0..4), tail).prop_map(|(segments, tail)| {
        let named = |(index, segment)| {
            format!("/{}", str::replace(segment, "{}", &format!("{{p{index}}}")))
        };
        let text: String = segments
            .into_iter()
            .enumerate()
            .map(named)
            .chain([tail.to_owned()])
            .collect();
        if text.is_empty() {
            "/".to_owned()
        } else {
            text
        }
    })
}

/// Parts of a path. Servers read some of them in more than one way.
const PARTS: [&str; 22] = [
    "", "", "a", "b", "7", "a:b", "a%3Ab", "a%20b", "{c}", "%7Bc%7D", "%61", "a;v", ";", ".", "..",
    "%2e%2e", "%2f", "a%2Fb", "a\\b", "a%00", "%0aa", "b%3Bv",
];

/// Returns a path like `template`, with `parts` for its parameters and `extra` inserted somewhere.
fn path_like(template: &str, parts: &[&str], extra: Option<(usize, &str)>, slash: bool) -> String {
    let mut parts = parts.iter().copied();
    let fill = |segment: &str| match segment.strip_prefix('{') {
        Some(literal) if literal.starts_with('{') => "{c}".to_owned(),
        Some(rest) if rest.starts_with('*') => [parts.next(), parts.next()]
            .map(Option::unwrap_or_default)
            .join("/"),
        Some(_) => parts.next().unwrap_or_default().to_owned(),
        None => segment.to_owned(),
    };
    let mut segments: Vec<String> = template.split('/').skip(1).map(fill).collect();
    if let Some((index, part)) = extra {
        segments.insert(index % (segments.len() + 1), part.to_owned());
    }
    if slash {
        segments.push(String::new());
    }
    format!("/{}", segments.join("/"))
}

fn path_of(templates: Vec<String>) -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    let parts = prop::collection::vec(select(&PARTS[..]), 5);
    let extra = prop::option::weighted(0.3, (0..5_usize, select(&PARTS[..])));
    let one = (
        select(templates.clone()),
        parts,
        extra,
        prop::bool::weighted(0.2),
    );
    let one =
        one.prop_map(|(template, parts, extra, slash)| path_like(&template, &parts, extra, slash));
    (Just(templates), prop::collection::vec(one, 1..8))
}

/// Generates templates, and paths similar to them.
pub(crate) fn templates(most: usize) -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    prop::collection::vec(template(), 1..=most).prop_flat_map(path_of)
}

/// Runs a future to completion on this thread.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
