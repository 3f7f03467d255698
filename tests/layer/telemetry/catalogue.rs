//! The list of metrics, and everything that names them.

use std::collections::BTreeSet;

use serde_json::Value;
use tollgate::telemetry::{METRICS, Metric, MetricKind};

use super::scrape::metric;

const PAGE: &str = include_str!("../../../docs/guide/telemetry.md");
const DASHBOARD: &str = include_str!("../../../docs/grafana/tollgate.json");

fn known(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|known| known.name == metric(name))
}

/// Returns the words of a text that look like metrics.
fn named(text: &str) -> BTreeSet<&str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| word.starts_with("tollgate_"))
        .collect()
}

#[test]
fn the_catalogue_has_each_name_once_and_as_prometheus_has_it() {
    let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), METRICS.len());
    for Metric {
        name, kind, unit, ..
    } in METRICS
    {
        assert_eq!(
            name.ends_with("_total"),
            *kind == MetricKind::Counter,
            "{name}"
        );
        assert_eq!(
            name.trim_end_matches("_total").ends_with("_seconds"),
            *unit == "seconds",
            "{name}"
        );
    }
}

/// The guide's table is this list: one line for each metric, in the same order.
#[test]
fn the_catalogue_is_the_table_of_the_guide() {
    let line = |metric: &Metric| {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let labels = metric
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect::<Vec<_>>()
            .join(", ");
        format!(
            "| `{}` | {kind} | {} | {labels} | {} |",
            metric.name, metric.unit, metric.description
        )
    };
    let table = METRICS.iter().map(line).collect::<Vec<_>>().join("\n");
    assert!(
        PAGE.contains(&table),
        "docs/guide/telemetry.md needs this table:\n{table}"
    );
    for name in named(PAGE) {
        assert!(known(name).is_some(), "{name}");
    }
}

/// Checks all queries of the dashboard, with the metrics and labels that they name.
#[test]
fn the_catalogue_has_every_metric_of_the_dashboard() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut queries = Vec::new();
    collect(&dashboard, &mut queries);
    assert!(queries.len() >= 15, "{}", queries.len());
    let mut shown = BTreeSet::new();
    for query in queries {
        let names = named(query);
        assert!(!names.is_empty(), "{query}");
        for name in names {
            let metric = known(name).unwrap_or_else(|| panic!("{name} in {query}"));
            assert_eq!(
                metric.kind == MetricKind::Histogram,
                metric.name != name,
                "{name} in {query}"
            );
            shown.insert(metric.name);
            for label in labels(query) {
                let of_histogram = label == "le" && metric.kind == MetricKind::Histogram;
                assert!(
                    of_histogram || metric.labels.contains(&label),
                    "{label} of {name} in {query}"
                );
            }
        }
    }
    let missing: Vec<_> = METRICS
        .iter()
        .map(|metric| metric.name)
        .filter(|name| !shown.contains(name))
        .collect();
    assert!(missing.is_empty(), "not shown: {missing:?}");
}

fn collect<'a>(value: &'a Value, queries: &mut Vec<&'a str>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, queries)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(query)
                        if name == "expr" || name == "query" && query.contains("tollgate") =>
                    {
                        queries.push(query)
                    }
                    _ => collect(value, queries),
                }
            }
        }
        _ => {}
    }
}

/// Returns the labels that a query groups or filters by, without Grafana's own variables.
fn labels(query: &str) -> Vec<&str> {
    let grouped = query
        .split("by (")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(list, _)| list);
    let filtered = query
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(list, _)| list);
    let names = grouped.flat_map(|list| list.split(','));
    let filters = filtered
        .flat_map(|list| list.split(','))
        .filter_map(|one| one.split(['=', '!']).next());
    names
        .chain(filters)
        .map(str::trim)
        .filter(|name| !name.is_empty() && !matches!(*name, "job" | "instance"))
        .collect()
}
