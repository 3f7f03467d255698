//! Metrics that alarms watch.

use crate::node::{Node, list, map};

/// Seconds over which a metric is summed.
pub(super) const PERIOD: u32 = 300;

/// A metric of one thing.
#[derive(Clone, Debug)]
pub(super) struct Metric {
    namespace: Node,
    name: &'static str,
    statistic: &'static str,
    dimensions: Vec<(&'static str, Node)>,
}

impl Metric {
    pub(super) fn sum(namespace: impl Into<Node>, name: &'static str) -> Self {
        Self {
            namespace: namespace.into(),
            name,
            statistic: "Sum",
            dimensions: Vec::new(),
        }
    }

    pub(super) fn statistic(mut self, statistic: &'static str) -> Self {
        self.statistic = statistic;
        self
    }

    pub(super) fn of(mut self, dimension: &'static str, value: impl Into<Node>) -> Self {
        self.dimensions.push((dimension, value.into()));
        self
    }

    /// Returns the properties of an alarm on this metric alone.
    pub(super) fn properties(self) -> Vec<(&'static str, Node)> {
        let mut properties = vec![
            ("Namespace", self.namespace),
            ("MetricName", self.name.into()),
            ("Statistic", self.statistic.into()),
            ("Period", PERIOD.into()),
        ];
        if !self.dimensions.is_empty() {
            properties.push(("Dimensions", dimensions(self.dimensions)));
        }
        properties
    }

    fn query(self, id: &str) -> Node {
        let metric = map([
            ("Namespace", self.namespace),
            ("MetricName", self.name.into()),
            ("Dimensions", dimensions(self.dimensions)),
        ]);
        let stat = map([
            ("Metric", metric),
            ("Period", PERIOD.into()),
            ("Stat", self.statistic.into()),
        ]);
        map([
            ("Id", id.into()),
            ("MetricStat", stat),
            ("ReturnData", false.into()),
        ])
    }
}

/// Returns the property of an alarm on an expression over metrics.
pub(super) fn expression(text: &str, metrics: [(&str, Metric); 2]) -> Vec<(&'static str, Node)> {
    let result = map([
        ("Id", "result".into()),
        ("Expression", text.into()),
        ("ReturnData", true.into()),
    ]);
    let metrics = metrics.into_iter().map(|(id, metric)| metric.query(id));
    vec![("Metrics", list([result].into_iter().chain(metrics)))]
}

fn dimensions(dimensions: Vec<(&'static str, Node)>) -> Node {
    list(
        dimensions
            .into_iter()
            .map(|(name, value)| map([("Name", name.into()), ("Value", value)])),
    )
}
