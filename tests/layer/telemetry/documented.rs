//! The guide and the API documentation list every event and span, and no others.

use std::collections::BTreeSet;

const SOURCES: [&str; 3] = [
    include_str!("../../../src/telemetry/events.rs"),
    include_str!("../../../src/telemetry/acquire.rs"),
    include_str!("../../../src/telemetry/store_call.rs"),
];
const GUIDE: &str = include_str!("../../../docs/guide/telemetry.md");
const API: &str = include_str!("../../../src/telemetry/mod.rs");

/// An event or span: its level, its name and its fields.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct MacroCall {
    level: String,
    name: String,
    fields: BTreeSet<String>,
}

/// Returns the macro calls in the sources.
fn macro_calls(span: bool) -> Vec<MacroCall> {
    let calls = SOURCES
        .iter()
        .flat_map(|source| source.split("tracing::").skip(1));
    let calls = calls.filter_map(|call| {
        let (name, rest) = call.split_once("!(")?;
        let (level, is_span) = name
            .strip_suffix("_span")
            .map_or((name, false), |level| (level, true));
        let known = ["error", "warn", "info", "debug"].contains(&level) && is_span == span;
        let arguments = rest
            .split_once(");")?
            .0
            .strip_suffix(',')
            .unwrap_or(rest.split_once(");")?.0);
        known.then(|| {
            (
                level.to_owned(),
                arguments.trim().trim_end_matches(',').to_owned(),
            )
        })
    });
    calls
        .map(|(level, arguments)| {
            let name = arguments
                .split('"')
                .nth(3)
                .expect("a name behind the target")
                .to_owned();
            let fields = arguments
                .split(',')
                .map(str::trim)
                .filter(|part| !part.contains('"'));
            let field = |part: &str| {
                part.split([' ', '='])
                    .next()
                    .unwrap()
                    .trim_start_matches(['%', '?'])
                    .to_owned()
            };
            let fields = fields.map(field).collect();
            MacroCall {
                level,
                name,
                fields,
            }
        })
        .collect()
}

/// Returns the cells of the table lines that begin with a name.
fn lines(text: &str) -> Vec<Vec<&str>> {
    let lines = text
        .lines()
        .map(|line| line.trim_start_matches("//! "))
        .filter(|line| line.starts_with("| `"));
    lines
        .map(|line| line.split('|').skip(1).map(str::trim).collect())
        .collect()
}

#[test]
fn every_event_is_documented() {
    let events = macro_calls(false);
    assert!(events.len() >= 14, "{events:?}");
    for MacroCall {
        level,
        name,
        fields,
    } in &events
    {
        let quoted = format!("`{name}`");
        let in_guide = lines(GUIDE)
            .into_iter()
            .find(|line| line[0] == quoted)
            .unwrap_or_else(|| panic!("{name}"));
        let fields = fields
            .iter()
            .map(|field| format!("`{field}`"))
            .collect::<BTreeSet<_>>();
        let said = in_guide[2]
            .split(", ")
            .filter(|field| !field.is_empty())
            .map(str::to_owned)
            .collect();
        assert_eq!(
            (in_guide[1], &fields),
            (level.as_str(), &said),
            "{name} in the guide"
        );
        let in_api = lines(API)
            .into_iter()
            .find(|line| line[0] == quoted)
            .unwrap_or_else(|| panic!("{name}"));
        assert_eq!(in_api[1], level, "{name} in the API");
    }
    let names: BTreeSet<_> = events
        .iter()
        .map(|event| format!("`{}`", event.name))
        .collect();
    for line in lines(GUIDE)
        .into_iter()
        .filter(|line| ["error", "warn", "info", "debug"].contains(&line[1]))
    {
        assert!(names.contains(line[0]), "{} is logged nowhere", line[0]);
    }
}

#[test]
fn every_span_is_documented() {
    let spans = macro_calls(true);
    assert_eq!(spans.len(), 2, "{spans:?}");
    for MacroCall {
        level,
        name,
        fields,
    } in spans
    {
        assert_eq!(level, "debug", "{name}");
        let quoted = format!("`{name}`");
        let in_guide = lines(GUIDE)
            .into_iter()
            .find(|line| line[0] == quoted)
            .unwrap_or_else(|| panic!("{name}"));
        let in_api = lines(API)
            .into_iter()
            .find(|line| line[0] == quoted)
            .unwrap_or_else(|| panic!("{name}"));
        assert_eq!(in_api[1], "debug");
        for field in fields {
            let field = format!("`{field}`");
            assert!(
                in_guide[1].contains(&field) && in_api[2].contains(&field),
                "{field} of {name}"
            );
        }
    }
}
