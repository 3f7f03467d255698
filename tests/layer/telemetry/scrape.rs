//! Metrics that a recorder has received.

use std::collections::{BTreeMap, BTreeSet};

use metrics::LocalRecorderGuard;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tollgate::telemetry::{DURATION_BUCKETS, METRICS};

/// Records the metrics of this thread until it is dropped. The runtimes of these tests use one
/// thread.
pub(super) struct Recording {
    handle: PrometheusHandle,
    _guard: LocalRecorderGuard<'static>,
}

/// A sample: its name, labels and value.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

impl Recording {
    pub(super) fn start() -> Self {
        let durations = Matcher::Suffix("_duration_seconds".into());
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(durations, DURATION_BUCKETS)
            .unwrap();
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Leak the recorder, because recorders are identified by their addresses.
        let recorder = Box::leak(Box::new(recorder));
        Self {
            handle,
            _guard: metrics::set_default_local_recorder(recorder),
        }
    }

    pub(super) fn samples(&self) -> Vec<Sample> {
        parse(&self.handle.render())
    }

    /// Returns the sum of all samples of `tollgate_` + `name` with these labels; `None` if there
    /// are none.
    pub(super) fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let name = format!("tollgate_{name}");
        let has = |sample: &Sample| {
            labels
                .iter()
                .all(|(label, value)| sample.labels.get(*label).is_some_and(|v| v == value))
        };
        let samples = self.samples();
        samples
            .iter()
            .filter(|sample| sample.name == name && has(sample))
            .map(|sample| sample.value)
            .reduce(|a, b| a + b)
    }
}

/// Returns the metric to which a sample belongs.
pub(super) fn metric(sample: &str) -> &str {
    let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|part| {
        let name = sample.strip_suffix(part)?;
        METRICS
            .iter()
            .any(|metric| metric.name == name)
            .then_some(name)
    });
    of_histogram.unwrap_or(sample)
}

/// Returns the metrics that have samples.
pub(super) fn names(samples: &[Sample]) -> BTreeSet<&str> {
    samples.iter().map(|sample| metric(&sample.name)).collect()
}

pub(super) fn parse(text: &str) -> Vec<Sample> {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let labels = labels.strip_suffix('}').expect("labels");
            let labels = labels
                .split("\",")
                .filter(|label| !label.is_empty())
                .map(|label| {
                    let (name, value) = label.split_once("=\"").expect("a label");
                    (name.to_owned(), value.trim_end_matches('"').to_owned())
                });
            Sample {
                name: name.into(),
                labels: labels.collect(),
                value: value.parse().expect("a number"),
            }
        })
        .collect()
}
