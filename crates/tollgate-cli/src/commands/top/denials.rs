//! Denials per second, from the metrics of a service.

use std::{collections::BTreeMap, time::Instant};

use serde::Serialize;

use super::prometheus;
use crate::{commands::tokens::short, output::Row};

/// The counter of denials.
const METRIC: &str = "tollgate_denials_total";

/// Denials by one limit of a resource.
#[derive(Debug, Serialize)]
pub(super) struct Denied {
    resource: String,
    limit: String,
    owner: String,
    denials_per_second: f64,
}

/// The counters of the look before.
#[derive(Debug, Default)]
pub(super) struct Denials {
    known: Option<(Instant, BTreeMap<[String; 3], f64>)>,
}

impl Denials {
    /// Reads the metrics, and returns the denials since they were read before, the most first.
    pub(super) fn rates(&mut self, text: &str) -> Vec<Denied> {
        let mut counters: BTreeMap<[String; 3], f64> = BTreeMap::new();
        for sample in prometheus::samples(text, METRIC) {
            let label = |name: &str| sample.labels.get(name).cloned().unwrap_or_default();
            *counters
                .entry(["resource", "limit", "owner"].map(label))
                .or_default() += sample.value;
        }
        let now = Instant::now();
        let Some((since, before)) = self.known.replace((now, counters.clone())) else {
            return Vec::new();
        };
        let seconds = now.duration_since(since).as_secs_f64().max(0.001);
        let mut rates: Vec<Denied> = counters
            .into_iter()
            .map(|(labels, count)| {
                let known = before.get(&labels).copied().unwrap_or(0.0);
                // A counter that fell belongs to a new process, and began at zero.
                let base = if count < known { 0.0 } else { known };
                let [resource, limit, owner] = labels;
                Denied {
                    resource,
                    limit,
                    owner,
                    denials_per_second: (count - base) / seconds,
                }
            })
            .filter(|denied| denied.denials_per_second > 0.0)
            .collect();
        rates.sort_by(|one, other| other.denials_per_second.total_cmp(&one.denials_per_second));
        rates
    }
}

impl Row for Denied {
    const COLUMNS: &'static [&'static str] = &["Resource", "Limit", "Owner", "Denials/s"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.resource.clone(),
            self.limit.clone(),
            self.owner.clone(),
            short(self.denials_per_second),
        ]
    }
}
